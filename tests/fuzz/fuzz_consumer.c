/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The whole consumer: records built by kind and then spoilt by the input, with hostile answers
 * from outside, go through validation, every enricher, the policies and the encoder.
 */
#include <stdio.h>

#include "tests/harness/capture.h"
#include "tests/harness/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p, *end;
};

static const char policies[] =
	"policies:\n"
	"- {name: a, on: [file.open, process.exec, process.fork, process.exit, network.connect,\n"
	"   network.accept], where: 'process.name != \"x\" and not user.name = \"y\"',\n"
	"   message: '{process.executable} {process.args} {process.parent.name} {file.path}'}\n"
	"- {name: b, on: file.open, where: 'file.path regex \"e.c\" or file.path glob \"/*/b*\"'}\n";

static uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- && in->p < in->end)
		v = v << 8 | *in->p++;
	return v;
}

static struct str take_text(struct input *in)
{
	uint64_t len = take(in, 1);
	struct str s = { (const char *)in->p, 0 };

	s.len = (uint32_t)(len < (uint64_t)(in->end - in->p) ? len : (uint64_t)(in->end - in->p));
	in->p += s.len;
	return s;
}

static bool hostile(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		    struct str *answer)
{
	struct input *in = state;

	(void)q;
	(void)key;
	(void)key2;
	if (!(take(in, 1) & 1))
		return false;
	*answer = take_text(in);
	return true;
}

static void build(struct rec *r, struct input *in)
{
	static const char *const args[] = { "sh", "-c", "id", NULL };
	char text[300];
	struct str s = take_text(in);
	uint32_t kind = (uint32_t)take(in, 1), pid = (uint32_t)take(in, 1);
	uint64_t exec_id = take(in, 1), other = take(in, 1);

	snprintf(text, sizeof(text), "/%.*s", (int)s.len, s.p);
	switch (kind % 8) {
	case 0: rec_fork(r, pid, exec_id, (uint32_t)other, other); break;
	case 1: rec_exec(r, pid, other, exec_id, take(in, 1), text, args); break;
	case 2: rec_exit(r, pid, exec_id, (uint32_t)other, 0); break;
	case 3: rec_open(r, pid, exec_id, text, (uint32_t)other); break;
	case 4: rec_open_failed(r, pid, exec_id, text, (uint32_t)other); break;
	case 5: rec_connect(r, pid, exec_id, "10.0.0.1", (uint16_t)other); break;
	case 6: rec_accept(r, pid, exec_id, "::1", (uint16_t)other); break;
	default:
		rec_begin(r, kind & 8 ? EV_TASK : EV_CGROUP);
		r->h.tgid = pid;
		r->h.exec_id = exec_id;
		rec_end(r);
	}
	r->h.uid = (uint32_t)take(in, 1);
	r->h.cgroup_id = take(in, 1);
	r->h.time_ns = take(in, 2) << 28;
	for (uint64_t n = take(in, 1) % 4; n; n--) {
		uint32_t at = (uint32_t)take(in, 2) % r->len;

		r->b[at] ^= (char)take(in, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct outside_ops ops = { .ask = hostile };
	struct input in = { data, data + size };
	struct outside o = { .ops = &ops, .state = &in };
	const struct capture_cfg cfg = {
		.policies = policies, .record_kinds = ~0ull, .outside = &o, .no_sink = true
	};
	static struct capture *c;
	static struct rec r;

	if (c)
		capture_restart(c, &cfg);
	else
		c = capture_start(&cfg);
	while (in.p < in.end) {
		build(&r, &in);
		consumer_record(c->consumer, r.b, r.len);
	}
	consumer_flush(c->consumer);
	return 0;
}
