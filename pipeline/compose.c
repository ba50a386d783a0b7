/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * compose.h: writes values where the schema says they lie. A new class of field needs a case in
 * set_plain or set_items.
 */
#include "pipeline/compose.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>

#include "pipeline/names.h"
#include "pipeline/nearest.h"
#include "pipeline/policy/cond.h"
#include "pipeline/util.h"

enum { ARENA_BYTES = 256 << 10, NAME_MAX_BYTES = 64, SHOWN_MAX = 80 };

static const struct {
	uint64_t time_ns, exec_id, parent_exec_id, start_ns;
	uint32_t pid, uid;
} made_up = { 5000000000, 0x1234, 0x1000, 4000000000, 1234, 1000 };

#define SHOWN(s) (int)MIN((s).len, (uint32_t)SHOWN_MAX), (s).p

/* All that can be absent is. */
static void clear(char *to, size_t size, const struct field *fields, uint32_t n)
{
	memset(to, 0, size);
	for (uint32_t i = 0; i < n; i++)
		if (fields[i].absence == ABSENT_MINUS_ONE)
			memset(to + fields[i].offset, 0xff, fields[i].size);
}

void compose_fixed(void *rec, const struct event_kind *k)
{
	struct ev_hdr *h = rec;

	clear(rec, k->size, k->fields, k->nfields);
	*h = (struct ev_hdr){
		.time_ns = made_up.time_ns,
		.seq = 1,
		.exec_id = made_up.exec_id,
		.parent_exec_id = made_up.parent_exec_id,
		.start_ns = made_up.start_ns,
		.cgroup_id = 1,
		.tgid = made_up.pid,
		.tid = made_up.pid,
		.uid = made_up.uid,
		.euid = made_up.uid,
		.gid = made_up.uid,
		.len = k->size,
		.kind = k->kind,
		.hook = EV_HOOK_TP_SYS_EXIT,
		.abi = EV_ABI,
	};
	memcpy(h->comm.b, "test", 4);
}

struct compose *compose_new(void)
{
	struct compose *c = calloc(1, sizeof(*c));

	if (c && arena_init(&c->arena, ARENA_BYTES)) {
		free(c);
		return NULL;
	}
	return c;
}

void compose_free(struct compose *c)
{
	if (!c)
		return;
	pool_free(&c->texts);
	arena_free(&c->arena);
	free(c);
}

static int fail(struct compose *c, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct compose *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return err;
}

static const struct event_kind *kind_of(const struct compose *c)
{
	return schema_kind(c->rec.h.kind);
}

void compose_begin(struct compose *c, const struct event_kind *k)
{
	pool_free(&c->texts);
	memset(c->has, 0, sizeof(c->has));
	memset(c->paths, 0, sizeof(c->paths));
	c->whole_lineage = false;
	c->why[0] = '\0';
	compose_fixed(c->rec.b, k);
	c->len = k->size;
	if (schema_field(k, STR("event.outcome")))
		compose_text(c, STR("event.outcome"), STR("success"));
}

/* --- one value --- */

static int put_number(struct compose *c, const struct field *f, char *at, uint64_t v)
{
	if (f->size < 8 && v >> (8 * f->size))
		return fail(c, -EINVAL, "%s is at most %llu", f->path,
			    (unsigned long long)(~0ULL >> (64 - 8 * f->size)));
	memcpy(at, &v, f->size); /* little-endian, as everywhere here */
	return 0;
}

static int set_number(struct compose *c, const struct field *f, char *at, struct str s)
{
	bool negative = false, signed_field = f->class == EV_CLASS_INT;
	uint64_t v = 0, limit = signed_field ? INT64_MAX : UINT64_MAX;
	char unit = '\0';
	int err = number_parse(s, f->class == EV_CLASS_OCTAL, &v, &negative, &unit);

	if (err == -EINVAL || (negative && !signed_field))
		return fail(c, -EINVAL, "%s is a number, not \"%.*s\"", f->path, SHOWN(s));
	if (signed_field && f->size < 8)
		limit = (1ULL << (8 * f->size - 1)) - 1;
	if (err || v > limit + negative)
		return fail(c, -EINVAL, "%s cannot be as large as %.*s", f->path, SHOWN(s));
	if (!negative)
		return put_number(c, f, at, v);
	v = 0 - v;
	memcpy(at, &v, f->size);
	return 0;
}

static int set_bool(struct compose *c, const struct field *f, char *at, struct str s)
{
	bool yes = str_eq(s, STR("true"));

	if (!yes && !str_eq(s, STR("false")))
		return fail(c, -EINVAL, "%s is true or false, not \"%.*s\"", f->path, SHOWN(s));
	return put_number(c, f, at, yes);
}

static int set_hex(struct compose *c, const struct field *f, char *at, struct str s)
{
	uint64_t v;

	if (s.len != 16 || !hex_parse(s, &v))
		return fail(c, -EINVAL, "%s is 16 hexadecimal digits, not \"%.*s\"", f->path,
			    SHOWN(s));
	return put_number(c, f, at, v);
}

bool compose_time(const char *text, uint64_t *ns)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t part = 0, scale = 1000000000;
	time_t seconds;

	if (!rest)
		return false;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9' && scale > 1; rest++) {
			scale /= 10;
			part += (uint64_t)(*rest - '0') * scale;
		}
	seconds = timegm(&tm);
	if (strcmp(rest, "Z") || seconds < 0 || seconds > INT64_MAX / 1000000000 - 1)
		return false;
	*ns = (uint64_t)seconds * 1000000000 + part;
	return true;
}

static int set_time(struct compose *c, const struct field *f, char *at, struct str s)
{
	char text[NAME_MAX_BYTES] = "", unit = '\0';
	bool negative = false;
	uint64_t ns = 0;

	if (s.len < sizeof(text))
		memcpy(text, s.p, s.len);
	if (!compose_time(text, &ns) && (number_parse(s, false, &ns, &negative, &unit) || negative))
		return fail(c, -EINVAL,
			    "%s is a time as 2026-11-24T18:04:53.123456789Z, not \"%.*s\"", f->path,
			    SHOWN(s));
	return put_number(c, f, at, ns);
}

static int set_ip(struct compose *c, const struct field *f, char *at, struct str s)
{
	struct ev_ip ip;

	if (!ip_parse(s, &ip))
		return fail(c, -EINVAL, "%s is an address, not \"%.*s\"", f->path, SHOWN(s));
	memcpy(at, &ip, sizeof(ip));
	return 0;
}

/* Value of an ENUM or number of a bit; of one without a name: its number, bit37. */
static int64_t name_value(const struct field *f, struct str s)
{
	int64_t v = schema_enum_value(f, s);
	struct str digits = s;
	bool negative = false;
	uint64_t n = 0;
	char unit = '\0';

	if (v >= 0)
		return v;
	if (f->class == EV_CLASS_BITS) {
		if (!str_starts(s, STR("bit")))
			return -1;
		digits = (struct str){ s.p + 3, s.len - 3 };
	}
	if (number_parse(digits, false, &n, &negative, &unit) || negative || unit ||
	    n > (f->class == EV_CLASS_BITS ? 63 : INT32_MAX))
		return -1;
	return (int64_t)n;
}

static int unknown_name(struct compose *c, const struct field *f, struct str s)
{
	struct nearest near = { .word = s };

	for (uint32_t i = 0; i < f->names->count; i++)
		nearest_offer(&near, f->names->names[i]);
	return fail(c, -EINVAL, "\"%.*s\" is no value of %s%s%s%s", SHOWN(s), f->path,
		    near.best ? "; did you mean " : "", near.best ? near.best : "",
		    near.best ? "?" : "");
}

static int set_enum(struct compose *c, const struct field *f, char *at, struct str s)
{
	int64_t v = name_value(f, s);

	return v < 0 ? unknown_name(c, f, s) : put_number(c, f, at, (uint64_t)v);
}

static int add_bit(struct compose *c, const struct field *f, char *at, struct str s)
{
	int64_t bit = name_value(f, s);
	uint64_t v = 0;

	if (bit < 0)
		return unknown_name(c, f, s);
	/* O_RDONLY has a bit that no record holds: it is there when the others are not. */
	if (f->names == &type_names_OFLAGS && bit == OFLAGS_RDONLY_BIT)
		return 0;
	if (bit >= 8 * f->size)
		return fail(c, -EINVAL, "%s has no flag %.*s", f->path, SHOWN(s));
	memcpy(&v, at, f->size);
	v |= 1ULL << bit;
	memcpy(at, &v, f->size);
	return 0;
}

static int set_bits(struct compose *c, const struct field *f, char *at, const struct str *items,
		    uint32_t n)
{
	int err = 0;

	memset(at, 0, f->size);
	for (uint32_t i = 0; i < n; i++)
		for (struct str rest = items[i]; rest.len && !err;) {
			const char *bar = memchr(rest.p, '|', rest.len);
			uint32_t len = bar ? (uint32_t)(bar - rest.p) : rest.len;

			err = add_bit(c, f, at, (struct str){ rest.p, len });
			rest.p += len + (bar != NULL);
			rest.len -= len + (bar != NULL);
		}
	return err;
}

/* --- texts --- */

static int no_memory(struct compose *c)
{
	return fail(c, -ENOMEM, "out of memory");
}

static int too_long(struct compose *c, const struct field *f, uint32_t max)
{
	return fail(c, -EMSGSIZE, "%s has at most %u bytes", f->path, max);
}

/* Bytes of a record are appended to it, those of a context kept beside it. */
static int put_text(struct compose *c, const struct field *f, char *at, struct str s)
{
	struct ev_ref ref = { c->len, s.len };

	if (f->source == FIELD_CTX) {
		s = pool_str(&c->texts, s);
		memcpy(at, &s, sizeof(s));
		return s.p ? 0 : no_memory(c);
	}
	if (s.len > sizeof(c->rec.b) - 8 - c->len)
		return fail(c, -EMSGSIZE, "%s does not fit: an event has at most %d bytes", f->path,
			    EV_REC_MAX);
	if (s.len)
		memcpy(c->rec.b + c->len, s.p, s.len);
	c->len += s.len;
	memcpy(at, &ref, sizeof(ref));
	return 0;
}

static int set_path(struct compose *c, const struct field *f, struct str s)
{
	if (s.len >= EV_PATH_MAX)
		return too_long(c, f, EV_PATH_MAX - 1);
	if (memchr(s.p, '\0', s.len))
		return fail(c, -EINVAL, "%s holds a NUL", f->path);
	c->paths[f->group] = pool_str(&c->texts, s);
	return c->paths[f->group].p ? 0 : no_memory(c);
}

static int set_comm(struct compose *c, const struct field *f, char *at, struct str s)
{
	if (s.len >= EV_COMM_LEN)
		return too_long(c, f, EV_COMM_LEN - 1);
	memset(at, 0, EV_COMM_LEN);
	memcpy(at, s.p, s.len);
	return 0;
}

static int set_str(struct compose *c, const struct field *f, char *at, struct str s)
{
	uint32_t max = f->source == FIELD_CTX ? COMPOSE_TEXT_MAX : EV_STR_MAX;

	return s.len > max ? too_long(c, f, max) : put_text(c, f, at, s);
}

static int set_list(struct compose *c, const struct field *f, char *at, const struct str *items,
		    uint32_t n)
{
	uint32_t max = f->source == FIELD_CTX ? COMPOSE_TEXT_MAX : EV_ARGS_MAX;
	struct buf b = { .max = max };
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		if (items[i].len && memchr(items[i].p, '\0', items[i].len))
			err = fail(c, -EINVAL, "%s has an element with a NUL", f->path);
		buf_str(&b, items[i]);
		buf_char(&b, '\0');
	}
	if (!err && b.failed)
		err = too_long(c, f, max);
	if (!err)
		err = put_text(c, f, at, (struct str){ b.p ? b.p : "", (uint32_t)b.len });
	buf_free(&b);
	return err;
}

static int set_plain(struct compose *c, const struct field *f, char *at, struct str s)
{
	switch (f->class) {
	case EV_CLASS_BOOL: return set_bool(c, f, at, s);
	case EV_CLASS_HEX: return set_hex(c, f, at, s);
	case EV_CLASS_TIME: return set_time(c, f, at, s);
	case EV_CLASS_IP: return set_ip(c, f, at, s);
	case EV_CLASS_ENUM: return set_enum(c, f, at, s);
	case EV_CLASS_COMM: return set_comm(c, f, at, s);
	case EV_CLASS_PATH:
		return f->source == FIELD_CTX ? set_str(c, f, at, s) : set_path(c, f, s);
	case EV_CLASS_STR:
	case EV_CLASS_JSON: return set_str(c, f, at, s);
	default: return set_number(c, f, at, s);
	}
}

static void clear_group(struct compose *c, uint32_t g)
{
	const struct ctx_group_desc *d = schema_group(g);

	clear(c->ctx[g].b, d->size, d->fields, d->nfields);
	c->has[g] = true;
}

static void no_such_field(struct compose *c, struct str path)
{
	for (uint32_t i = 0; i < EV_MAX; i++) {
		const struct event_kind *k = schema_kind(i);

		if (!k || !schema_kind_is_public(k) || !schema_field(k, path))
			continue;
		fail(c, -ENOENT, "%s has no field %.*s; %s has it", kind_of(c)->name, SHOWN(path),
		     k->name);
		return;
	}
	cond_field_unknown(1u << c->rec.h.kind, path, c->why, sizeof(c->why));
}

/* Where the field lies; NULL: there is none of that name. */
static char *place(struct compose *c, struct str path, const struct field **out)
{
	const struct field *f = schema_field(kind_of(c), path);

	*out = f;
	if (!f) {
		no_such_field(c, path);
		return NULL;
	}
	if (f->source == FIELD_CTX && !c->has[f->group])
		clear_group(c, f->group);
	return (f->source == FIELD_CTX ? c->ctx[f->group].b : c->rec.b) + f->offset;
}

int compose_list(struct compose *c, struct str path, const struct str *items, uint32_t n)
{
	const struct field *f;
	char *at = place(c, path, &f);

	if (!at)
		return -ENOENT;
	if (f->class == EV_CLASS_BITS)
		return set_bits(c, f, at, items, n);
	if (f->class == EV_CLASS_LIST)
		return set_list(c, f, at, items, n);
	return fail(c, -EINVAL, "%s has one value, not a list", f->path);
}

int compose_text(struct compose *c, struct str path, struct str value)
{
	const struct field *f;
	char *at = place(c, path, &f);

	if (!at)
		return -ENOENT;
	if (f->class == EV_CLASS_BITS || f->class == EV_CLASS_LIST)
		return compose_list(c, path, &value, 1);
	return set_plain(c, f, at, value);
}

/* --- the whole --- */

enum {
	PATH_STARTS_ANYWHERE = 1u << EV_PATHF_TRUNCATED | 1u << EV_PATHF_DETACHED |
			       1u << EV_PATHF_UNREAD | 1u << EV_PATHF_PSEUDO,
};

/* "/etc/passwd" to "passwd\0etc\0", as the kernel side writes it; out has room for s.len + 1. */
static uint32_t components(struct str s, char *out)
{
	uint32_t end = s.len, n = 0;

	while (end) {
		const char *slash = memrchr(s.p, '/', end);
		uint32_t start = slash ? (uint32_t)(slash - s.p) + 1 : 0;

		memcpy(out + n, s.p + start, end - start);
		n += end - start;
		out[n++] = '\0';
		end = start ? start - 1 : 0;
	}
	return n;
}

/* Appends the text of a path as its flags will show it again. */
static int put_path(struct compose *c, const struct field *f, uint32_t *len)
{
	struct str s = c->paths[f->group], gone = STR(" (deleted)");
	uint32_t flags = event_path_flags(kind_of(c), c->rec.b, f->group), n;
	struct ev_ref ref = { *len, 0 };
	char *at = c->rec.b + *len;

	if (s.len + 9 > sizeof(c->rec.b) - *len)
		return fail(c, -EMSGSIZE, "%s does not fit: an event has at most %d bytes", f->path,
			    EV_REC_MAX);
	if (flags & 1u << EV_PATHF_DELETED && s.len > gone.len &&
	    !memcmp(s.p + s.len - gone.len, gone.p, gone.len))
		s.len -= gone.len;
	if (s.p[0] != '/' && !(flags & PATH_STARTS_ANYWHERE))
		return fail(c, -EINVAL,
			    "%s begins with / save where %s_flags say why it is not complete",
			    f->path, f->path);
	if (flags & 1u << EV_PATHF_PSEUDO) { /* a name in which slashes mean nothing */
		memcpy(at, s.p, s.len);
		at[s.len] = '\0';
		n = s.len + 1;
	} else {
		bool whole = !(flags & PATH_STARTS_ANYWHERE);

		n = s.len == whole ? (at[0] = '\0', 1)
				   : components((struct str){ s.p + whole, s.len - whole }, at);
	}
	ref.len = n;
	memcpy(c->rec.b + f->offset, &ref, sizeof(ref));
	*len += n;
	return 0;
}

/* Where nothing is said of ancestors, the parent is the one that is known. */
static int put_lineage(struct compose *c)
{
	const struct ctx_parent *p = (const void *)c->ctx[CTX_PARENT].b;
	struct ctx_lineage *l = (void *)c->ctx[CTX_LINEAGE].b;
	uint64_t id;

	if (c->whole_lineage || !c->has[CTX_PARENT] || !p->pid)
		return 0;
	if (!c->has[CTX_LINEAGE])
		clear_group(c, CTX_LINEAGE);
	if (l->ids.len)
		return 0;
	id = ctx_process_id(p->pid, made_up.start_ns);
	l->ids = pool_str(&c->texts, (struct str){ (const char *)&id, sizeof(id) });
	return l->ids.p ? 0 : no_memory(c);
}

struct event *compose_event(struct compose *c)
{
	const struct ctx_process *process = (const void *)c->ctx[CTX_PROCESS].b;
	const struct event_kind *k = kind_of(c);
	uint32_t len = c->len;
	const char *why = "";

	for (uint32_t i = 0; i < k->nfields; i++) {
		const struct field *f = &k->fields[i];

		if (f->class == EV_CLASS_PATH && c->paths[f->group].len && put_path(c, f, &len))
			return NULL;
	}
	if (c->has[CTX_PROCESS] && process->start_ns)
		c->rec.h.start_ns = process->start_ns;
	if (put_lineage(c))
		return NULL;
	memset(c->rec.b + len, 0, -len & 7);
	c->rec.h.len = (len + 7) & ~7u;
	if (event_validate(&c->e, &c->arena, c->rec.b, c->rec.h.len, &why)) {
		fail(c, -EINVAL, "the event is not whole: %s", why);
		return NULL;
	}
	for (uint32_t g = 0; g < CTX_MAX; g++)
		c->e.ctx[g] = c->has[g] ? c->ctx[g].b : NULL;
	return &c->e;
}
