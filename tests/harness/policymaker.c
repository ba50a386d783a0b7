/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * policymaker.h. Knows the schema and the operators by their tables alone.
 */
#include "tests/harness/policymaker.h"

#include "pipeline/names.h"
#include "pipeline/policy/regex.h"
#include "pipeline/util.h"
#include "tests/harness/random.h"

enum { FIELDS = 400, DEPTH = 4, SEEN = 24, SEEN_TEXT = 200 };

static const char *const kinds[] = { "file.open", "network.connect", "network.accept" };

/* Values that a field had: a fair choice of them. */
struct seen {
	uint32_t count; /* also of those that were not kept */
	char texts[SEEN][SEEN_TEXT];
};

struct policymaker {
	uint64_t seed, state;
	struct op_scratch scratch;
	const struct field *fields[ARRAY_LEN(kinds)][FIELDS];
	uint32_t nfields[ARRAY_LEN(kinds)];
	struct seen *seen[ARRAY_LEN(kinds)][FIELDS]; /* of fields[][]; NULL: no value */
};

uint32_t policymaker_below(struct policymaker *p, uint32_t n)
{
	return random_below(&p->state, n);
}

#define BELOW(n) policymaker_below(p, n)
#define PICK(array) (array)[BELOW(ARRAY_LEN(array))]

static void add_field(struct policymaker *p, uint32_t k, const struct field *f)
{
	const struct event_kind *kind = schema_kind_by_name(str_of(kinds[k]));

	if (f->path && f->class != EV_CLASS_JSON && f->class != EV_CLASS_TIME &&
	    schema_field(kind, str_of(f->path)) == f && p->nfields[k] < FIELDS)
		p->fields[k][p->nfields[k]++] = f;
}

static void add_fields(struct policymaker *p, uint32_t k)
{
	const struct event_kind *kind = schema_kind_by_name(str_of(kinds[k]));

	for (uint32_t i = 0; i < kind->nfields; i++)
		add_field(p, k, &kind->fields[i]);
	for (uint32_t i = 0; i < schema_header_len; i++)
		add_field(p, k, &schema_header[i]);
	for (uint32_t g = 0; g < CTX_MAX; g++)
		for (uint32_t i = 0; i < schema_group(g)->nfields; i++)
			add_field(p, k, &schema_group(g)->fields[i]);
}

struct policymaker *policymaker_new(void)
{
	struct policymaker *p = calloc(1, sizeof(*p));
	const char *seed = getenv("TOCSIN_SEED");

	if (!p)
		abort();
	p->seed = p->state = seed ? strtoull(seed, NULL, 0) : 20261128;
	p->scratch.regex = regex_scratch_new();
	if (!p->scratch.regex)
		abort();
	for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++)
		add_fields(p, k);
	return p;
}

void policymaker_free(struct policymaker *p)
{
	for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (uint32_t i = 0; i < FIELDS; i++)
			free(p->seen[k][i]);
	regex_scratch_free(p->scratch.regex);
	free(p);
}

uint64_t policymaker_seed(const struct policymaker *p)
{
	return p->seed;
}

struct op_scratch *policymaker_scratch(struct policymaker *p)
{
	return &p->scratch;
}

/* --- words --- */

static const char *const words[] = { "a",   "b",      "etc",    "ssl",  "sh", "bash",
				     "tmp", "x.conf", "shadow", ".ssh", "ab", "ba",
				     "AB",  "Shadow", "a.b",    ".B" };
static const char *const addresses[] = { "10.0.0.1", "10.1.2.3", "127.0.0.1",       "192.168.1.1",
					 "::1",      "fe80::1",  "::ffff:10.0.0.1", "2001:db8::5" };
static const char *const networks[] = { "10.0.0.0/8", "10.0.0.0/24", "127.0.0.0/8", "0.0.0.0/0",
					"::/0",       "fe80::/10",   "::1/128",     "128.0.0.0/1" };
static const char *const regexes[] = { "^/etc/",      "sh$",           "a|b",    "(a|b)ab",
				       "/ssl/[a-z]+", "^/(etc|tmp)/a", "shadow", "^/tmp/.*conf$",
				       "(?i)SHADOW",  "x\\.conf$",     "^bash$", "[.]ssh" };
static const char *const globs[] = { "/etc/*", "*sh", "?a*", "[ab]*", "*/ssl/*", "/*/a", "*.conf" };

static void put_path(struct policymaker *p, char *out, size_t len)
{
	uint32_t n = 1 + BELOW(4), at = 0;

	for (uint32_t i = 0; i < n; i++)
		at += (uint32_t)snprintf(out + at, len - at, "/%s", PICK(words));
}

static bool is_name(const struct field *f)
{
	const char *dot = strrchr(f->path, '.');

	return f->class == EV_CLASS_LIST || f->class == EV_CLASS_COMM ||
	       (dot && (!strcmp(dot, ".name") || !strcmp(dot, ".runtime")));
}

static void put_text(struct policymaker *p, const struct field *f, char *out, size_t len)
{
	if (is_name(f))
		snprintf(out, len, "%s", PICK(words));
	else
		put_path(p, out, len);
}

/* Can it stand between quotes and in a pattern as it is? */
static bool is_plain(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' || strchr("'\\*?[", s.p[i]))
			return false;
	return s.len && s.len < SEEN_TEXT;
}

static void see(struct policymaker *p, struct seen **to, struct str s)
{
	uint32_t at;

	if (!*to && !(*to = calloc(1, sizeof(**to))))
		abort();
	at = (*to)->count < SEEN ? (*to)->count : BELOW((*to)->count);
	(*to)->count++;
	if (at < SEEN)
		snprintf((*to)->texts[at], SEEN_TEXT, "%.*s", (int)s.len, s.p);
}

void policymaker_learn(struct policymaker *p, struct event *e)
{
	for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++) {
		if (strcmp(e->kind->name, kinds[k]))
			continue;
		for (uint32_t i = 0; i < p->nfields[k]; i++) {
			const struct field *f = p->fields[k][i];
			struct value v;

			if (!(OPS_TEXT & 1u << f->class) || !event_get(e, f, &v))
				continue;
			if (f->class == EV_CLASS_LIST && v.s.len)
				v.s.len = (uint32_t)strnlen(v.s.p, v.s.len); /* its first item */
			if (is_plain(v.s))
				see(p, &p->seen[k][i], v.s);
		}
	}
}

static const struct seen *seen_of(const struct policymaker *p, const struct field *f)
{
	for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (uint32_t i = 0; i < p->nfields[k]; i++)
			if (p->fields[k][i] == f && p->seen[k][i])
				return p->seen[k][i];
	return NULL;
}

/* A whole text. */
static void put_value(struct policymaker *p, const struct field *f, char *out, size_t len)
{
	const struct seen *s = seen_of(p, f);

	if (s && BELOW(8))
		snprintf(out, len, "%s", s->texts[BELOW(MIN(s->count, (uint32_t)SEEN))]);
	else
		put_text(p, f, out, len);
}

/* A text, or a part of one for operators that look for parts. */
static void put_literal_text(struct policymaker *p, const struct field *f, enum op_id op, char *out,
			     size_t len)
{
	size_t n, from;

	if (op == OP_REGEX) {
		snprintf(out, len, "%s", PICK(regexes));
		return;
	}
	if (op == OP_GLOB && BELOW(2)) {
		snprintf(out, len, "%s", PICK(globs));
		return;
	}
	put_value(p, f, out, len);
	if (op == OP_EQ || op == OP_NE || op == OP_IN || op == OP_GLOB)
		return;
	n = strlen(out);
	from = op == OP_STARTSWITH ? 0 : BELOW((uint32_t)n);
	n = op == OP_ENDSWITH ? n - from : 1 + BELOW((uint32_t)(n - from));
	memmove(out, out + from, n);
	out[n] = '\0';
}

static const char *name_of(struct policymaker *p, const struct field *f, uint32_t least)
{
	const char *name = NULL;

	while (!name)
		name = f->names->names[least + BELOW(f->names->count - least)];
	return name;
}

static uint64_t number(struct policymaker *p, const struct field *f, bool zero)
{
	static const uint32_t values[] = { 1, 2, 3, 22, 53, 80, 200, 0 };
	uint64_t n = PICK(values);

	if (f->class == EV_CLASS_OCTAL)
		n = BELOW(010000);
	return !n && !zero ? 1 : n;
}

/* --- policies --- */

static void put_literal(struct policymaker *p, const struct field *f, enum op_id op, struct buf *b)
{
	char text[256];

	switch (f->class) {
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST:
	case EV_CLASS_COMM:
		put_literal_text(p, f, op, text, sizeof(text));
		buf_addf(b, "'%s'", text);
		break;
	case EV_CLASS_ENUM: buf_addf(b, "'%s'", name_of(p, f, f->absence == ABSENT_ZERO)); break;
	case EV_CLASS_BITS: buf_addf(b, "'%s'", name_of(p, f, 0)); break;
	case EV_CLASS_IP:
		buf_addf(b, "'%s'", op == OP_CIDR ? PICK(networks) : PICK(addresses));
		break;
	case EV_CLASS_HEX: buf_addf(b, "'%016x'", 1 + BELOW(3)); break;
	case EV_CLASS_BOOL: buf_addf(b, "true"); break;
	case EV_CLASS_OCTAL: buf_addf(b, "0%o", (unsigned int)number(p, f, false)); break;
	default: buf_addf(b, "%llu", (unsigned long long)number(p, f, f->absence != ABSENT_ZERO));
	}
}

static enum op_id pick_op(struct policymaker *p, const struct field *f)
{
	uint32_t op;

	if (f->class == EV_CLASS_BOOL)
		return BELOW(2) ? OP_EQ : OP_EXISTS;
	do
		op = BELOW(OP_MAX);
	while (!(ops[op].classes & 1u << f->class));
	return (enum op_id)op;
}

/* The field, or a function of it. */
static void put_term(struct policymaker *p, const struct field *f, struct buf *b)
{
	static const char *const calls[] = { "basename", "dirname", "extension", "lower", "upper" };
	uint32_t n = OPS_TEXT & 1u << f->class && !BELOW(3) ? 1 + BELOW(2) : 0;

	for (uint32_t i = 0; i < n; i++)
		buf_addf(b, "%s(", PICK(calls));
	if (!strcmp(f->path, "process.ancestor_names") && BELOW(2))
		buf_lit(b, "any_ancestor(process.name)");
	else
		buf_lit(b, f->path);
	for (uint32_t i = 0; i < n; i++)
		buf_lit(b, ")");
}

static void put_test(struct policymaker *p, uint32_t k, struct buf *b)
{
	static const char *const often[] = {
		"file.path",
		"file.path",
		"file.path",
		"file.flags",
		"file.type",
		"process.name",
		"process.executable",
		"user.effective.id",
		"user.id",
		"container.id",
		"destination.ip",
		"destination.port",
		"network.type",
		"source.ip",
		"tocsin.io_uring",
		"process.ancestor_names",
		"process.parent.name",
		"container.runtime",
		"file.mode",
		"process.thread.name",
		"event.outcome",
		"network.transport",
		"network.unix.path",
	};
	const struct field *f = NULL;
	uint32_t n = 1;
	enum op_id op;

	if (BELOW(5))
		f = schema_field(schema_kind_by_name(str_of(kinds[k])), str_of(PICK(often)));
	if (!f)
		f = p->fields[k][BELOW(p->nfields[k])];
	op = pick_op(p, f);
	put_term(p, f, b);
	buf_addf(b, " %s ", ops[op].word);
	if (!BELOW(20) && ops[op].args == OP_ARGS_ONE &&
	    OPS_TEXT & ~OP_CLASS(LIST) & 1u << f->class) {
		buf_lit(b, BELOW(2) ? "process.name" : "basename(process.executable)");
		return;
	}
	if (ops[op].args == OP_ARGS_NONE)
		return;
	if (ops[op].args != OP_ARGS_ONE)
		n = 1 + BELOW(4);
	buf_lit(b, n > 1 || ops[op].args == OP_ARGS_LIST ? "(" : "");
	for (uint32_t i = 0; i < n; i++) {
		buf_lit(b, i ? ", " : "");
		put_literal(p, f, op, b);
	}
	buf_lit(b, n > 1 || ops[op].args == OP_ARGS_LIST ? ")" : "");
}

static void put_cond(struct policymaker *p, uint32_t k, uint32_t depth, struct buf *b)
{
	uint32_t n = 2 + BELOW(3), what = depth ? BELOW(8) : 0;

	if (what < 2) {
		put_test(p, k, b);
	} else if (what < 4) {
		buf_lit(b, "not (");
		put_cond(p, k, depth - 1, b);
		buf_lit(b, ")");
	} else {
		buf_lit(b, "(");
		for (uint32_t i = 0; i < n; i++) {
			buf_lit(b, !i ? "" : what < 6 ? " and " : " or ");
			put_cond(p, k, depth - 1, b);
		}
		buf_lit(b, ")");
	}
}

void policymaker_policies(struct policymaker *p, struct buf *b, uint32_t n)
{
	buf_lit(b, "policies:\n");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = BELOW(ARRAY_LEN(kinds)), other = BELOW(ARRAY_LEN(kinds));

		if (k == other || BELOW(3))
			buf_addf(b, "- name: p%u\n  on: %s\n  where: >-\n    ", i, kinds[k]);
		else
			buf_addf(b, "- name: p%u\n  on: [%s, %s]\n  where: >-\n    ", i, kinds[k],
				 kinds[other]);
		put_cond(p, k, DEPTH, b);
		buf_lit(b, "\n");
		if (BELOW(4))
			continue;
		buf_lit(b, "  exceptions:\n  - where: >-\n      ");
		put_cond(p, k, 1, b);
		buf_lit(b, "\n");
	}
}

/* --- events --- */

static void set(struct made *m, const char *path, const char *value)
{
	if (!made_set(m, path, value))
		abort();
}

static void set_program(struct policymaker *p, struct made *m, const char *who, char *name,
			size_t len)
{
	char path[128], key[64];

	put_path(p, path, sizeof(path));
	snprintf(name, len, "%s", strrchr(path, '/') + 1);
	snprintf(key, sizeof(key), "%s.executable", who);
	set(m, key, path);
	snprintf(key, sizeof(key), "%s.name", who);
	set(m, key, name);
}

static void set_processes(struct policymaker *p, struct made *m)
{
	char name[64], ancestors[256];

	if (BELOW(8))
		set_program(p, m, "process", name, sizeof(name));
	if (!BELOW(4))
		return;
	set_program(p, m, "process.parent", ancestors, sizeof(ancestors));
	while (BELOW(2)) {
		size_t n = strlen(ancestors);

		snprintf(ancestors + n, sizeof(ancestors) - n, "\x1f%s", PICK(words));
		if (n > 100)
			break;
	}
	set(m, "process.ancestor_names", ancestors);
}

static void set_cgroup(struct policymaker *p, struct made *m)
{
	char path[128];

	if (!BELOW(3))
		return;
	put_path(p, path, sizeof(path));
	set(m, "process.cgroup.path", path);
	if (BELOW(2))
		set(m, "container.id", path);
	if (BELOW(2))
		set(m, "container.runtime", PICK(words));
}

static void set_open(struct policymaker *p, struct made *m)
{
	struct ev_open *o = REC(&m->rec, open);
	char path[128];

	put_path(p, path, sizeof(path));
	if (!BELOW(8)) {
		set(m, "file.requested_path", path);
		set(m, "event.outcome", BELOW(2) ? "failure" : "unknown");
		if (o->outcome == EV_OUTCOME_FAILURE)
			set(m, "error.code", BELOW(2) ? "EACCES" : "ENOENT");
	} else {
		bool whole = BELOW(12);

		set(m, "file.path", path + !whole);
		o->oflags = BELOW(4) | (BELOW(3) ? 0 : 1u << (5 + BELOW(18)));
		o->oflags |= BELOW(2) ? 1u << (5 + BELOW(18)) | 1u << (5 + BELOW(18)) : 0;
		if (o->oflags & OFLAGS_PATH)
			o->oflags &= ~3u; /* as the kernel does */
		o->mode = BELOW(010000);
		o->type = 1 + BELOW(EV_FILETYPE_MAX - 1);
		o->inode = BELOW(4);
		o->file_uid = BELOW(3);
		if (!BELOW(10))
			o->path_flags = 1u << BELOW(EV_PATHF_MAX);
		if (!whole)
			o->path_flags |= 1u << EV_PATHF_DETACHED;
	}
	o->io_uring = !BELOW(3);
}

static void set_peers(struct policymaker *p, struct made *m)
{
	bool out = m->rec.h.kind == EV_CONNECT;
	const char *peer = PICK(addresses);
	bool v6 = strchr(peer, ':') && strncmp(peer, "::ffff", 6);
	char path[128];

	if (!BELOW(4)) {
		put_path(p, path, sizeof(path));
		set(m, "network.type", "unix");
		set(m, "network.transport", "stream");
		if (BELOW(2))
			set(m, "network.unix.path", path);
	} else {
		static const char *const ports[] = { "1", "2", "3", "22", "53", "80", "200", "0" };

		set(m, "network.type", v6 ? "ipv6" : "ipv4");
		set(m, "network.transport", BELOW(2) ? "tcp" : "udp");
		if (BELOW(12))
			set(m, out ? "destination.ip" : "source.ip", peer);
		set(m, out ? "source.ip" : "destination.ip", v6 ? "::1" : "10.0.0.1");
		set(m, "destination.port", PICK(ports));
		set(m, "source.port", PICK(ports));
	}
	if (!BELOW(3))
		set(m, "tocsin.io_uring", "true");
	set(m, "event.outcome", out && BELOW(2) ? "failure" : "success");
}

struct made *policymaker_event(struct policymaker *p)
{
	struct made *m = made_new(PICK(kinds));
	struct ev_hdr *h = &m->rec.h;

	h->uid = BELOW(4);
	h->euid = BELOW(4);
	h->tgid = 1 + BELOW(3);
	snprintf(h->comm.b, sizeof(h->comm.b), "%s", PICK(words));
	set_processes(p, m);
	set_cgroup(p, m);
	if (h->kind == EV_OPEN)
		set_open(p, m);
	else
		set_peers(p, m);
	return m;
}

const char *policymaker_describe(struct made *m)
{
	static char text[8192];
	struct event *e = made_event(m);
	const struct event_kind *k = e->kind;
	size_t at = (size_t)snprintf(text, sizeof(text), "%s", k->name);
	struct value v;

	for (uint32_t g = 0; g < CTX_MAX + 2; g++) {
		const struct field *f = g == CTX_MAX       ? k->fields
					: g == CTX_MAX + 1 ? schema_header
							   : schema_group(g)->fields;
		uint32_t n = g == CTX_MAX       ? k->nfields
			     : g == CTX_MAX + 1 ? schema_header_len
						: schema_group(g)->nfields;

		for (uint32_t i = 0; i < n && at < sizeof(text) - 600; i++) {
			if (!f[i].path || !event_get(e, &f[i], &v))
				continue;
			at += (size_t)snprintf(text + at, sizeof(text) - at, "\n  %s ", f[i].path);
			if (1u << f[i].class & OPS_TEXT)
				at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s",
						       (int)MIN(v.s.len, 200u), v.s.p);
			else if (f[i].class != EV_CLASS_IP)
				at += (size_t)snprintf(text + at, sizeof(text) - at, "%llx",
						       (unsigned long long)v.u);
		}
	}
	return text;
}
