/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's tables, from policies: each line of the input is a condition on opens, behind '@'
 * on connections, behind '*' one that is there many times with numbers for its '#'; or, from '/' on, a
 * path. What loads is compiled into the smallest block. The block keeps its bounds, and no event that
 * a policy holds for is unwanted, among them opens of the given paths and of those that the
 * conditions' quoted texts make.
 */
#include <stdlib.h>

#include "pipeline/util.h"
#include "tests/harness/filter_block.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/made.h"

enum { INPUT_MAX = 8192, LINES = 32, POLICIES = 400, COPIES = 100, PATHS = 48, PATH_ROOM = 512 };
enum { BYTES = FILTER_BYTES_MIN };

struct input {
	struct buf policies;
	uint32_t npolicies, npaths;
	char paths[PATHS][PATH_ROOM];
};

/* --- policies --- */

/* number: what stands for '#'; negative: that itself. */
static void put_numbered(struct buf *b, struct str where, int number)
{
	for (uint32_t i = 0; i < where.len; i++) {
		if (where.p[i] == '#' && number >= 0)
			buf_addf(b, "%d", number);
		else
			buf_char(b, where.p[i]);
	}
}

static void put_policy(struct buf *b, uint32_t n, bool connect, struct str where, int number)
{
	buf_addf(b, "- name: p%u\n  on: %s\n  where: |-\n    ", n,
		 connect ? "network.connect" : "file.open");
	put_numbered(b, where, number);
	buf_char(b, '\n');
}

static struct policy_set *load(struct str text)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	if (policy_load_text(&s, "fuzz", text, &d))
		return NULL;
	if (d.errors || !policy_count(s)) {
		policy_free(s);
		s = NULL;
	}
	diags_free(&d);
	return s;
}

/* Alone, so that a bad line does not take the others with it. */
static bool is_good(struct str where, bool connect)
{
	struct policy_set *s;
	struct buf b = { 0 };

	buf_lit(&b, "policies:\n");
	put_policy(&b, 0, connect, where, 0);
	s = load((struct str){ b.p, (uint32_t)b.len });
	policy_free(s);
	buf_free(&b);
	return s;
}

/* --- paths --- */

/* A whole path: one slash between components. */
static void add_path(struct input *in, const char *before, struct str middle, const char *after)
{
	char text[PATH_ROOM], *to;

	if (in->npaths == PATHS || middle.len > PATH_ROOM - 64)
		return;
	snprintf(text, sizeof(text), "%s%.*s%s", before, (int)middle.len, middle.p, after);
	to = in->paths[in->npaths];
	for (const char *p = text; *p; p++)
		if (*p != '/' || (to == in->paths[in->npaths] || to[-1] != '/'))
			*to++ = *p;
	while (to > in->paths[in->npaths] + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	in->npaths += in->paths[in->npaths][0] == '/';
}

/* Of each quoted text: itself, and it in front, in the middle and at the end. */
static void add_quoted(struct input *in, struct str where)
{
	static const char *const around[][2] = {
		{ "/", "" }, { "/", "x" }, { "/a", "" }, { "/etc/", "" }, { "/a/", "/b" }
	};
	const char *end = where.p + where.len;

	for (const char *p = where.p; p < end; p++) {
		const char *close =
			*p == '\'' || *p == '"' ? memchr(p + 1, *p, (size_t)(end - p - 1)) : NULL;

		if (!close)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(around); i++)
			add_path(in, around[i][0], (struct str){ p + 1, (uint32_t)(close - p - 1) },
				 around[i][1]);
		p = close;
	}
}

/* --- events --- */

static void set_rest(struct made *m, const struct input *in, uint32_t i)
{
	static const char *const programs[] = { "/bin/sh", "/usr/sbin/nginx", "/tmp/x",
						"/opt/a b/c" };
	const char *program = i % 3 || !in->npaths ? programs[i % 4] : in->paths[i % in->npaths];

	if (i % 5) {
		made_set(m, "process.executable", program);
		made_set(m, "process.name", strrchr(program, '/') + 1);
		made_set(m, "process.ancestor_names", i % 2 ? "sh\x1fnginx" : "x\x1fsystemd");
	}
	if (i % 4 == 1) {
		made_set(m, "process.cgroup.path", "/docker/4f1c7e0a9b3e");
		made_set(m, "container.id", "4f1c7e0a9b3e");
		made_set(m, "container.runtime", "docker");
	}
	m->rec.h.uid = i % 2 ? 1000 : 0;
	m->rec.h.euid = i % 3 ? 0 : 1000;
}

static struct made *make_open(const struct input *in, uint32_t i)
{
	static const uint32_t flags[] = { 0, 01, 02, 01101, 010000000, 03 };
	struct made *m = made_new("file.open");
	struct ev_open *o = REC(&m->rec, open);

	if (!made_set(m, "file.path", in->paths[i])) {
		made_free(m);
		return NULL;
	}
	o->oflags = flags[i % ARRAY_LEN(flags)];
	o->mode = i % 7 ? 0644 : 04755;
	o->type = (uint8_t)(1 + i % (EV_FILETYPE_MAX - 1));
	o->io_uring = i % 6 == 2;
	set_rest(m, in, i);
	return m;
}

static struct made *make_connect(const struct input *in, uint32_t i)
{
	static const char *const peers[] = { "10.0.0.1",        "127.0.0.1",   "::1",
					     "::ffff:10.1.2.3", "2001:db8::5", "255.255.255.255",
					     "0.0.0.0" };
	static const char *const ports[] = { "22", "80", "443", "65535", "0" };
	struct made *m = made_new("network.connect");
	const char *peer = peers[i % ARRAY_LEN(peers)];

	/* an IPv4-mapped address is IPv4, as the programs say of it */
	made_set(m, "network.type",
		 strchr(peer, ':') && strncmp(peer, "::ffff:", 7) ? "ipv6" : "ipv4");
	made_set(m, "network.transport", i % 2 ? "tcp" : "udp");
	made_set(m, "destination.ip", peer);
	made_set(m, "destination.port", ports[i % ARRAY_LEN(ports)]);
	set_rest(m, in, i);
	return m;
}

/* --- what must hold --- */

static void check_text(const struct filter_text *t, size_t bytes)
{
	if (t->cells >= bytes || t->outs >= bytes || t->more >= bytes ||
	    t->start > FILTER_STATES_MAX || t->root > FILTER_STATES_MAX ||
	    (t->more_mask & (t->more_mask + 1)))
		abort();
}

static void check_block(const struct filter_block *h, const struct filter_report *r)
{
	if (r->bytes > BYTES || r->bytes < sizeof(*h) || h->mode != FILTER_MODE_ON)
		abort();
	check_text(&h->open, r->bytes);
	check_text(&h->program, r->bytes);
	for (uint32_t i = 0; i < FILTER_BITS; i++) {
		uint64_t at = h->open_joins.at[i], n = at >> 32;

		if (n > FILTER_BUCKET_JOINS ||
		    (n && (uint32_t)at + n * sizeof(struct filter_join) > r->bytes))
			abort();
	}
}

static void judge(struct policy_engine *engine, const struct filter *f, const void *block,
		  struct made *m, struct op_scratch *scratch)
{
	struct event *e = made_event(m);
	const struct match *match;
	bool matched = policy_match(engine, e, &match), clauses = filter_wants(f, e, scratch);
	bool tables = filter_block_wants(block, BYTES, f, e, scratch);

	if ((matched && !clauses) || (clauses && !tables) || (matched && !tables))
		abort();
	made_free(m);
}

static void compile_and_ask(const struct input *in, const struct policy_set *s)
{
	struct op_scratch scratch = { regex_scratch_new() };
	struct policy_engine *engine;
	struct filter_report report;
	struct filter *f = NULL;
	void *block;

	if (!scratch.regex || policy_engine_new(&engine, s) || filter_derive(&f, s, 0))
		abort();
	block = filter_block_of(f, BYTES, &report);
	check_block(block, &report);
	for (uint32_t i = 0; i < in->npaths; i++) {
		struct made *m = make_open(in, i);

		if (m)
			judge(engine, f, block, m, &scratch);
	}
	for (uint32_t i = 0; i < 35 && policy_kinds(s) & 1u << EV_CONNECT; i++)
		judge(engine, f, block, make_connect(in, i), &scratch);
	free(block);
	filter_free(f);
	policy_engine_free(engine);
	regex_scratch_free(scratch.regex);
}

/* --- the input --- */

static void take_line(struct input *in, struct str line)
{
	bool connect = line.len && *line.p == '@', many = line.len && *line.p == '*';
	struct str where = { line.p + (connect || many), line.len - (connect || many) };
	struct buf one = { 0 };

	if (line.len && *line.p == '/') {
		add_path(in, "", line, "");
		return;
	}
	if (!where.len || !is_good(where, connect))
		return;
	for (int i = 0; i < (many ? COPIES : 1) && in->npolicies < POLICIES; i++)
		put_policy(&in->policies, in->npolicies++, connect, where, many ? i : -1);
	put_numbered(&one, where, many ? COPIES / 2 : -1);
	add_quoted(in, (struct str){ one.p, (uint32_t)one.len });
	buf_free(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	static struct input in;
	struct policy_set *s;

	/* Files of values are those of the machine: fuzz_values has its own. */
	if (size > INPUT_MAX || (size && (memchr(data, 0, size) || memmem(data, size, "file:", 5))))
		return 0;
	in.npolicies = in.npaths = 0;
	buf_lit(&in.policies, "policies:\n");
	for (uint32_t i = 0; p < end && i < LINES; i++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		uint32_t n = (uint32_t)((nl ? nl : end) - p);

		take_line(&in, (struct str){ p, n });
		p += n + 1;
	}
	s = in.npolicies ? load((struct str){ in.policies.p, (uint32_t)in.policies.len }) : NULL;
	if (s)
		compile_and_ask(&in, s);
	policy_free(s);
	buf_free(&in.policies);
	return 0;
}
