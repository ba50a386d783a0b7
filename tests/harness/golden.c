/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * golden.h.
 */
#include "tests/harness/golden.h"

#include <errno.h>
#include <fcntl.h>

#include "pipeline/consumer.h"
#include "pipeline/save_header.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull

struct scene {
	struct consumer *consumer;
	uint64_t seq;
	struct rec r;
};

/* --- recording --- */

static bool answer(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		   struct str *out)
{
	(void)state;
	(void)key2;
	switch (q) {
	case ASK_USER_NAME: *out = key ? STR("alice") : STR("root"); return key < 2000;
	case ASK_GROUP_NAME: *out = STR("users"); return key == 100;
	case ASK_CGROUP_PATH:
		*out = STR("/docker/"
			   "4f1c7e0a9b3e4d17a1b2c3d4e5f607184f1c7e0a9b3e4d17a1b2c3d4e5f60718");
		return key == 77;
	case ASK_TTY_NAME: *out = STR("pts/3"); return key == 136;
	default: return false;
	}
}

static void send(struct scene *s, uint64_t at_ns)
{
	s->r.h.seq = ++s->seq;
	s->r.h.time_ns = 100 * SEC + at_ns;
	consumer_record(s->consumer, s->r.b, s->r.len);
}

static void fork_child(struct scene *s, uint32_t pid, uint64_t exec_id, uint32_t child,
		       uint64_t child_exec_id, uint64_t at_ns)
{
	rec_fork(&s->r, pid, exec_id, child, child_exec_id);
	REC(&s->r, fork)->child_start_ns = s->r.h.start_ns; /* as the child's own records say */
	send(s, at_ns);
}

static void open_file(struct scene *s, uint32_t pid, uint64_t exec_id, const char *path,
		      uint32_t flags, uint64_t at_ns)
{
	rec_open(&s->r, pid, exec_id, path, flags);
	s->r.h.cgroup_id = 77;
	send(s, at_ns);
}

/* A web server's child becomes a shell, which reads secrets and calls home. */
static void attack(struct scene *s)
{
	static const char *const server[] = { "nginx", "-g", "daemon off;", NULL };
	static const char *const shell[] = { "sh", "-c", "cat /etc/shadow \xff\x1b[31m", NULL };
	static const char *const cat[] = { "cat", "/etc/shadow", NULL };

	fork_child(s, 1, 0x1, 500, 0x500, 0);
	rec_exec(&s->r, 500, 0x500, 0x501, 0x1, "/usr/sbin/nginx", server);
	send(s, 1000);
	fork_child(s, 500, 0x501, 600, 0x600, 2000);
	rec_exec(&s->r, 600, 0x600, 0x601, 0x501, "/bin/sh", shell);
	send(s, 3000);
	fork_child(s, 600, 0x601, 700, 0x700, 4000);
	rec_exec(&s->r, 700, 0x700, 0x701, 0x601, "/usr/bin/cat", cat);
	send(s, 5000);
	open_file(s, 700, 0x701, "/etc/shadow", 0, 6000);
	rec_exit(&s->r, 700, 0x701, 0, 0);
	send(s, 7000);
	rec_connect(&s->r, 600, 0x601, "127.0.0.1", 80);
	send(s, 8000);
	rec_connect(&s->r, 600, 0x601, "198.51.100.7", 4444);
	send(s, 9000);
	for (uint64_t i = 0; i < 30; i++)
		open_file(s, 600, 0x601, "/run/secrets/token", 0, SEC * (i + 1));
	open_file(s, 600, 0x601,
		  "/tmp/\xe2\x80\xae"
		  "exe.txt\n",
		  O_WRONLY, 40 * SEC);
	rec_exit(&s->r, 600, 0x601, 0, 9);
	send(s, 41 * SEC);
}

/* One of each kind, plain and with what is rare. */
static void records(struct scene *s)
{
	static const char *const args[] = { "a b", "", "c\"d\\", NULL };

	fork_child(s, 1, 0x1, 500, 0x500, 0);
	rec_exec(&s->r, 500, 0x500, 0x501, 0x1, "/opt/x y/prog", args);
	s->r.h.uid = 0;
	s->r.h.gid = 100;
	send(s, 1000);
	open_file(s, 500, 0x501, "/", O_RDWR | O_CLOEXEC, 2000);
	open_file(s, 500, 0x501, "not/from/the/root", O_WRONLY | O_CREAT, 3000);
	rec_open_failed(&s->r, 500, 0x501, "../no/such", ENOENT);
	send(s, 4000);
	rec_connect(&s->r, 500, 0x501, "2001:db8::1", 443);
	send(s, 5000);
	rec_accept(&s->r, 500, 0x501, "192.0.2.9", 51000);
	send(s, 6000);
	rec_loss(&s->r, EV_OPEN, 1, 12);
	send(s, 7000);
	rec_loss(&s->r, EV_NONE, 0, 1);
	send(s, 8000);
	rec_exit(&s->r, 500, 0x501, 1, 0);
	send(s, 9000);
}

/* Sequences, thresholds and what does not happen, in the stream and after its last record. */
static void windows(struct scene *s)
{
	static const char *const sh[] = { "sh", NULL }, *const x[] = { "/tmp/\xfex", NULL };
	char path[20];

	fork_child(s, 1, 0x1, 500, 0x500, 0);
	rec_exec(&s->r, 500, 0x500, 0x501, 0x1, "/bin/sh", sh);
	send(s, 1000);
	open_file(s, 500, 0x501, "/tmp/\xfex", O_WRONLY, 2000);
	fork_child(s, 500, 0x501, 600, 0x600, 3000);
	rec_exec(&s->r, 600, 0x600, 0x601, 0x501, "/tmp/\xfex", x); /* a child */
	send(s, 4000);
	rec_exec(&s->r, 600, 0x601, 0x602, 0x501, "/tmp/\xfex", x); /* it began anew */
	send(s, 5000);
	open_file(s, 600, 0x602, "/tmp/y", O_WRONLY, 6000);
	open_file(s, 600, 0x602, "/tmp/clean", 0, 7000);
	rec_exec(&s->r, 600, 0x602, 0x603, 0x501, "/tmp/y", x);
	send(s, 8000);
	for (uint64_t i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "/srv/%u", (uint32_t)(i % 25));
		open_file(s, 600, 0x603, path, 0, SEC + i * SEC / 2);
	}
	for (uint64_t i = 0; i < 3; i++)
		open_file(s, 500 + (uint32_t)i % 2 * 100, 0x501 + i % 2 * 0x102, "/srv/0", 0,
			  30 * SEC + i * SEC / 2);
	rec_connect(&s->r, 500, 0x501, "198.51.100.7", 4444);
	send(s, 40 * SEC);
	rec_connect(&s->r, 600, 0x603, "198.51.100.8", 4444);
	send(s, 41 * SEC);
	rec_exit(&s->r, 600, 0x603, 0, 0);
	send(s, 42 * SEC);
	open_file(s, 500, 0x501, "/etc/hosts", 0, 46 * SEC); /* it is over */
	rec_connect(&s->r, 500, 0x501, "198.51.100.9", 4444);
	send(s, 50 * SEC);
	rec_connect(&s->r, 700, 0x700, "198.51.100.10", 4444);
	send(s, 52 * SEC);
	consumer_end(s->consumer, 155 * SEC + SEC / 2); /* one is over, and one is not */
}

const struct golden goldens[GOLDENS] = {
	{ "attack", attack },
	{ "records", records },
	{ "windows", windows },
};

void golden_record(const struct golden *g, const char *save_path)
{
	static const struct outside_ops ops = { .ask = answer };
	const struct identity id = { "0123456789abcdef0123456789abcdef", "00c0ffee",
				     1700000000 * (int64_t)SEC };
	struct outside live = { .ops = &ops }, recorded;
	struct consumer_cfg cc = { .outside = &recorded };
	struct config c = { 0 };
	struct diags d = { 0 };
	struct policy_set *set = NULL;
	struct egress *egress = NULL;
	struct scene *s = calloc(1, sizeof(*s));
	char file[200], err[300] = "";
	json_t *h;

	snprintf(file, sizeof(file), "tests/golden/replay/%s/config.yaml", g->name);
	CHECK_INT(config_defaults(&c), 0);
	if (config_load_file(&c, file, &d) ||
	    policy_load(&set, (const char *const *)c.policies.items, c.policies.count, &d) ||
	    d.errors) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "%s", file);
	}
	h = save_header_make(&id, &c, policy_digest(set));
	CHECK_INT(save_create(&cc.save, save_path, h, err, sizeof(err)), 0);
	recorded = save_outside(cc.save, &live);
	CHECK_INT(egress_new(&egress), 0);
	cc.policies = set;
	cc.egress = egress;
	cc.encoder = (struct encoder_cfg){ id.clock_offset_ns, str_of(id.boot_id),
					   str_of(id.run_id), false };
	cc.enricher_cfg = (const void *const *)c.enricher_cfg;
	CHECK_INT(consumer_new(&s->consumer, &cc, err, sizeof(err)), 0);
	g->play(s);
	CHECK_INT(consumer_stats(s->consumer)->invalid, 0);
	CHECK_INT(save_close(cc.save), 0);
	consumer_free(s->consumer);
	egress_free(egress);
	policy_free(set);
	json_decref(h);
	config_free(&c);
	free(s);
}
