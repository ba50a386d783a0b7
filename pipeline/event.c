/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Access to one event: validation of the raw record, fields by descriptor, paths.
 * Consumer thread; on the hot path of every event, so no allocation but from the arena.
 *
 * Validation looks at everything that later code takes for granted: sizes, references, ends of
 * lists and paths, address families. Numbers without a meaning (an unknown errno) are let pass;
 * who prints them must cope. A new class of field needs a case in valid_field and in event_get.
 */
#include "pipeline/event.h"

#include <errno.h>

#include "pipeline/names.h"
#include "pipeline/util.h"

/* Paths that do not start at the root of a mount namespace. */
enum {
	PATH_INCOMPLETE = 1u << EV_PATHF_TRUNCATED | 1u << EV_PATHF_DETACHED |
			  1u << EV_PATHF_UNREAD | 1u << EV_PATHF_PSEUDO,
};

/* T_U8, T_U16, …: number, class of each type. */
enum type_number {
#define TYPE(id, ctype, class, names) T_##id,
#include "bpf/types.def"
#undef TYPE
};
enum type_class {
#define TYPE(id, ctype, class, names) T_CLASS_##id = EV_CLASS_##class,
#include "bpf/types.def"
#undef TYPE
};

static const char *valid_ref(const struct ev_ref *r, const struct event_kind *k, uint32_t len,
			     uint32_t limit)
{
	if (r->off < k->size || r->off > len || r->len > len - r->off)
		return "reference outside the record";
	if (r->len > limit)
		return "text longer than its limit";
	return NULL;
}

static const char *valid_list(const char *p, uint32_t len)
{
	return len && p[len - 1] ? "list without its end" : NULL;
}

/* The top bit of each byte that is zero, and no other. */
static uint64_t zero_bytes(uint64_t w)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fULL;

	return ~(((w & low) + low) | w | low);
}

/* "leaf\0…root\0", no component empty, or "\0" alone. A slash in a component would make one
 * path pass for another; only the kernel's names of anonymous files hold them. Eight bytes a step,
 * the first the lowest. */
static const char *valid_path(const char *p, uint32_t len, uint32_t flags)
{
	const uint64_t slashes = 0x2f2f2f2f2f2f2f2fULL;
	uint64_t empty = 0, slash = 0, nul, before = 0x80;

	if (!len || p[len - 1])
		return "path without its end";
	if (len == 1)
		return NULL;
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t w = ~0ULL;

		memcpy(&w, p + i, MIN(len - i, 8u));
		nul = zero_bytes(w);
		empty |= nul & (nul << 8 | before);
		slash |= zero_bytes(w ^ slashes);
		before = nul >> 56;
	}
	if (empty)
		return "empty path component";
	if (slash && !(flags & 1u << EV_PATHF_PSEUDO))
		return "slash in a path component";
	return NULL;
}

static const char *valid_ip(const struct ev_ip *ip)
{
	static const uint8_t zero[12];

	if (ip->family == 6 || (ip->family == 4 && !memcmp(ip->addr + 4, zero, sizeof(zero))))
		return NULL;
	return ip->family ? "address of unknown family" : NULL;
}

/* The rows of a kind, each written out: of a PATHFLAGS the n-th is that of slot n. */
#define EV_BEGIN(id, stem, kind, category, help)                                                   \
	case EV_##id: {                                                                            \
		const struct ev_##stem *r = rec;                                                   \
		uint32_t n = 0;                                                                    \
		(void)r, (void)n;
#define FLAGS(type, name)                                                                          \
	if ((int)T_##type == (int)T_PATHFLAGS && n++ == slot)                                      \
		memcpy(&flags, &r->name, MIN(sizeof(flags), sizeof(r->name)));
#define EV_FIELD(type, name, path, help) FLAGS(type, name)
#define EV_OPT(type, name, path, help) FLAGS(type, name)
#define EV_ID(type, name, path, help) FLAGS(type, name)
#define EV_CTX(type, name, help) FLAGS(type, name)
#define EV_END(id)                                                                                 \
	break;                                                                                     \
	}

uint32_t event_path_flags(const struct event_kind *k, const void *rec, uint32_t slot)
{
	uint32_t flags = 0;

	switch (k->kind) {
#include "bpf/events.def"
	}
	return flags;
}

static inline __attribute__((always_inline)) const char *valid_field(const struct event_kind *k,
								     int class, const void *at,
								     const char *rec, uint32_t len,
								     uint32_t slot)
{
	const struct ev_ref *r = at;
	const char *why;

	switch (class) {
	case EV_CLASS_STR: return r->off ? valid_ref(r, k, len, EV_STR_MAX) : NULL;
	case EV_CLASS_LIST:
		if (!r->off)
			return NULL;
		why = valid_ref(r, k, len, EV_ARGS_MAX);
		return why ? why : valid_list(rec + r->off, r->len);
	case EV_CLASS_PATH:
		if (!r->off)
			return NULL;
		why = valid_ref(r, k, len, EV_PATH_MAX);
		return why ? why : valid_path(rec + r->off, r->len, event_path_flags(k, rec, slot));
	case EV_CLASS_IP: return valid_ip(at);
	default: return NULL;
	}
}

/* Likewise; what need not be looked at is gone when this is compiled. n: PATH fields so far. */
#define EV_BEGIN(id, stem, kind, category, help)                                                   \
	case EV_##id: {                                                                            \
		const struct ev_##stem *r = rec;                                                   \
		uint32_t n = 0;                                                                    \
		(void)r, (void)n;
#define VALID(type, name)                                                                          \
	if (!bad)                                                                                  \
		bad = valid_field(k, T_CLASS_##type, &r->name, rec, len, n);                       \
	n += (int)T_##type == (int)T_PATH;
#define EV_FIELD(type, name, path, help) VALID(type, name)
#define EV_OPT(type, name, path, help) VALID(type, name)
#define EV_ID(type, name, path, help) VALID(type, name)
#define EV_CTX(type, name, help) VALID(type, name)
#define EV_END(id)                                                                                 \
	break;                                                                                     \
	}

static const char *valid_fields(const struct event_kind *k, const void *rec, uint32_t len)
{
	const char *bad = NULL;

	switch (k->kind) {
#include "bpf/events.def"
	}
	return bad;
}

static const char *valid_header(const struct ev_hdr *h, uint32_t len)
{
	const struct event_kind *k;

	if ((uintptr_t)h & 7)
		return "record not aligned";
	if (len < sizeof(*h))
		return "shorter than a header";
	if (len > EV_REC_MAX)
		return "longer than any record";
	if (h->abi != EV_ABI)
		return "another ABI version";
	if (h->len != len || len & 7)
		return "length differs from the header's";
	k = schema_kind(h->kind);
	if (!k)
		return "unknown kind";
	if (len < k->size)
		return "shorter than its kind";
	if (h->hook >= EV_HOOK_MAX || h->flags >> EV_HDR_FLAG_MAX || h->hdr_pad)
		return "unknown hook or flags";
	return NULL;
}

int event_validate(struct event *e, struct arena *arena, const void *rec, uint32_t len,
		   const char **why)
{
	const struct ev_hdr *h = rec;
	const struct event_kind *k;
	const char *bad = valid_header(h, len);

	if (bad) {
		*why = bad;
		return -EINVAL;
	}
	k = schema_kind(h->kind);
	bad = valid_fields(k, rec, len);
	if (bad) {
		*why = bad;
		return -EINVAL;
	}
	e->raw = h;
	e->kind = k;
	e->arena = arena;
	memset(e->ctx, 0, sizeof(e->ctx));
	memset(e->version, 0, sizeof(e->version));
	e->image = 0;
	memset(e->paths, 0, sizeof(e->paths));
	arena_reset(arena);
	return 0;
}

struct str event_path(struct arena *arena, struct str components, uint32_t flags)
{
	struct str deleted = flags & 1u << EV_PATHF_DELETED ? STR(" (deleted)") : STR("");
	const char *c = components.p, *end = c + components.len, *nul;
	char *p, *at;

	if (!components.len)
		return (struct str){ 0 };
	p = arena_get(arena, components.len + deleted.len);
	if (!p)
		return (struct str){ 0 };
	at = p + components.len;
	memcpy(at, deleted.p, deleted.len);
	while (c < end) {
		nul = memchr(c, 0, end - c);
		if (!nul)
			nul = end;
		at -= nul - c;
		memcpy(at, c, nul - c);
		*--at = '/';
		c = nul + 1;
	}
	if (flags & PATH_INCOMPLETE)
		at++;
	return (struct str){ at, p + components.len + deleted.len - at };
}

static struct str raw_path(struct event *e, const struct field *f, const struct ev_ref *r)
{
	struct str *slot = &e->paths[f->group];

	if (!slot->p)
		*slot = event_path(e->arena, (struct str){ (const char *)e->raw + r->off, r->len },
				   event_path_flags(e->kind, e->raw, f->group));
	return *slot;
}

static uint64_t number(const void *at, uint8_t size)
{
	switch (size) {
	case 1: return *(const uint8_t *)at;
	case 2: return *(const uint16_t *)at;
	case 4: return *(const uint32_t *)at;
	default: return *(const uint64_t *)at;
	}
}

static bool get_number(const struct event *e, const struct field *f, const void *at,
		       struct value *v)
{
	uint64_t u = number(at, f->size), all = ~0ULL >> (64 - 8 * f->size);

	if ((f->absence == ABSENT_ZERO && !u) || (f->absence == ABSENT_MINUS_ONE && u == all))
		return false;
	switch (f->class) {
	case EV_CLASS_INT: v->i = (int64_t)(u << (64 - 8 * f->size)) >> (64 - 8 * f->size); break;
	case EV_CLASS_BOOL: v->u = u != 0; break;
	case EV_CLASS_TIME: v->u = u + (uint64_t)e->clock_offset_ns; break;
	case EV_CLASS_BITS: v->u = f->names == &type_names_OFLAGS ? oflags_bits(u) : u; break;
	default: v->u = u;
	}
	return true;
}

static bool get_text(struct event *e, const struct field *f, const void *at, struct value *v)
{
	const struct ev_ref *r = at;

	if (f->class == EV_CLASS_COMM) {
		v->s = (struct str){ at, (uint32_t)strnlen(at, EV_COMM_LEN) };
		return v->s.len || f->absence == ABSENT_NEVER;
	}
	if (f->source == FIELD_CTX) {
		v->s = *(const struct str *)at;
		return v->s.p && (v->s.len || f->absence == ABSENT_NEVER);
	}
	if (!r->off)
		return false;
	v->s = f->class == EV_CLASS_PATH ? raw_path(e, f, r)
					 : (struct str){ (const char *)e->raw + r->off, r->len };
	return v->s.p && (v->s.len || f->absence == ABSENT_NEVER);
}

bool event_get(struct event *e, const struct field *f, struct value *v)
{
	const char *base = f->source == FIELD_CTX ? e->ctx[f->group] : (const void *)e->raw;
	const void *at;

	if (!base)
		return false;
	at = base + f->offset;
	v->class = f->class;
	switch (f->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST:
	case EV_CLASS_JSON: return get_text(e, f, at, v);
	case EV_CLASS_IP: v->ip = *(const struct ev_ip *)at; return v->ip.family != 0;
	default: return get_number(e, f, at, v);
	}
}
