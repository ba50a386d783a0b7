/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A stream of records for the process, user and cgroup enrichers, made from bytes: few processes
 * and images, so that they meet again, times that go back, answers that come and go. Every context
 * an event gets must be readable to its end.
 */
#include <assert.h>

#include "tests/harness/enrich.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p, *end;
};

static uint32_t byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static struct str text(struct input *in, uint32_t max)
{
	uint32_t left = (uint32_t)(in->end - in->p), n = byte(in) % (max + 1);
	struct str s = { (const char *)in->p, n < left ? n : left ? left - 1 : 0 };

	in->p += s.len;
	return s;
}

static bool answer(void *state, enum outside_question q, uint64_t key, uint64_t key2, struct str *a)
{
	static uint64_t now;
	struct input *in = state;

	(void)key;
	(void)key2;
	if (byte(in) & 1)
		return false;
	if (q == ASK_NOW) {
		now += byte(in) * 10000000ull;
		*a = (struct str){ (const char *)&now, byte(in) & 7 ? 8 : 3 };
	} else {
		*a = text(in, 64);
	}
	return true;
}

static uint64_t touch(struct str s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s.len; i++)
		sum += (uint8_t)s.p[i];
	return sum;
}

static uint64_t read_contexts(struct event *e)
{
	const struct ctx_entry *entry = e->ctx[CTX_ENTRY];
	uint64_t sum = 0;

	assert(!entry || (entry->type && entry->type < ENTRY_MAX && entry->pid));
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		const struct ctx_group_desc *d = schema_group(g);

		for (uint32_t i = 0; e->ctx[g] && i < d->nfields; i++) {
			struct value v;

			if (!event_get(e, &d->fields[i], &v))
				continue;
			if (v.class == EV_CLASS_STR || v.class == EV_CLASS_LIST ||
			    v.class == EV_CLASS_JSON)
				sum += touch(v.s);
			if (v.class == EV_CLASS_LIST && v.s.len)
				assert(!v.s.p[v.s.len - 1]);
		}
	}
	return sum;
}

static void begin(struct rec *r, struct input *in, enum ev_kind kind, uint64_t *now)
{
	uint32_t who = byte(in);

	rec_begin(r, kind);
	*now += byte(in) * 3000000ull;
	r->h.time_ns = *now - (who & 0x80 ? 50000000 : 0);
	r->h.tgid = r->h.tid = 1 + who % 8;
	r->h.exec_id = byte(in) % 32;
	r->h.parent_exec_id = byte(in) % 32;
	r->h.start_ns = 1000000000ull + who % 3;
	r->h.cgroup_id = byte(in) % 24;
	r->h.cgroup_hierarchy = who % 3;
	r->h.uid = byte(in);
}

static void list(struct rec *r, struct ev_ref *ref, struct input *in)
{
	char items[80];
	struct str s = text(in, 64);

	if (!s.len)
		return;
	memcpy(items, s.p, s.len);
	items[s.len] = 0;
	rec_bytes(r, ref, items, s.len + 1);
}

static void path(struct rec *r, struct ev_ref *ref, struct input *in)
{
	static const char *const paths[] = {
		NULL,         "/",         "/bin/sh",
		"a/b",        "x",         "/usr/sbin/sshd",
		"/bin/login", "/bin/runc", "/usr/lib/systemd/systemd"
	};

	rec_path(r, ref, paths[byte(in) % 9]);
}

/* What entry leaders are told by. */
#define IDS(r, in)                                                                                 \
	do {                                                                                       \
		uint32_t ids_ = byte(in);                                                          \
		(r)->sid = ids_ & 7;                                                               \
		(r)->ns_mnt = ids_ >> 3 & 1;                                                       \
		(r)->ns_pid = ids_ & 0x10 ? 1 : 0xEFFFFFFC;                                        \
		(r)->suid = ids_ & 0x20 ? 1000 : 0;                                                \
		(r)->loginuid = ids_ & 0x40 ? 1000 : UINT32_MAX;                                   \
		(r)->exec_flags = ids_ & 0x80 ? 1u << EV_EXECF_KTHREAD : 0;                        \
		(r)->mode = ids_ == 0xff ? UINT32_MAX : 0755;                                      \
	} while (0)

static void fill(struct rec *r, struct input *in, enum ev_kind kind)
{
	struct str s;

	switch (kind) {
	case EV_FORK:
		REC(r, fork)->child_tgid = 1 + byte(in) % 8;
		REC(r, fork)->child_exec_id = byte(in) % 32;
		REC(r, fork)->child_start_ns = 1000000000ull + byte(in) % 3;
		break;
	case EV_EXEC:
		REC(r, exec)->old_exec_id = byte(in) % 32;
		REC(r, exec)->path_flags = byte(in) & 0x3f;
		REC(r, exec)->tty_major = byte(in) & 3;
		IDS(REC(r, exec), in);
		path(r, &REC(r, exec)->executable, in);
		path(r, &REC(r, exec)->cwd, in);
		list(r, &REC(r, exec)->args, in);
		list(r, &REC(r, exec)->env, in);
		break;
	case EV_TASK:
		REC(r, task)->ppid = byte(in) % 9;
		IDS(REC(r, task), in);
		path(r, &REC(r, task)->executable, in);
		list(r, &REC(r, task)->args, in);
		break;
	case EV_CGROUP:
		REC(r, cgroup)->id = byte(in) % 24;
		REC(r, cgroup)->hierarchy = byte(in) % 3;
		REC(r, cgroup)->removed = byte(in) & 1;
		s = text(in, 100);
		rec_bytes(r, &REC(r, cgroup)->path, s.len ? s.p : NULL, s.len);
		break;
	case EV_LOSS: REC(r, loss)->lost_kind = (uint16_t)(byte(in) % EV_MAX); break;
	default: break;
	}
	rec_end(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct outside_ops ops = { .ask = answer };
	static const char *const names[] = { "process", "user", "cgroup", NULL };
	static const enum ev_kind kinds[] = { EV_FORK, EV_EXEC, EV_EXIT,  EV_TASK,
					      EV_OPEN, EV_LOSS, EV_CGROUP };
	struct input in = { data, data + size };
	struct outside out = { &ops, &in };
	uint64_t now = 5000000000, sum = 0;
	struct bench_enrichers *b;
	static struct rec r;

	b = enrich_open(names,
			size & 1 ? "max_processes=64,max_bytes=65536,linger=1s,check=1s,env=*,"
				   "redact_args=s+e(.),redact_env=t"
				 : "linger=0s,check=2s,redact_args=a b",
			&out);
	while (in.p < in.end) {
		enum ev_kind kind = kinds[byte(&in) % 7];

		begin(&r, &in, kind, &now);
		fill(&r, &in, kind);
		sum += read_contexts(enrich(b, &r));
	}
	enrich_close(b);
	return sum == UINT64_MAX;
}
