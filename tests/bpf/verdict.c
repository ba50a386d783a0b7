/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Recorded streams judged by the kernel filter's own programs, through BPF_PROG_RUN: a run of the
 * agent on this kernel and the golden streams, under the shipped policies and random ones. For each
 * file.open the kernel says what the tables say in user space; whatever the clauses want it wants;
 * and of what it does not want no policy takes notice: no alert, no window, no count. TOCSIN_SEED=n
 * chooses other policies. (verdict_net.c: the same of connects and accepts.)
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/agent.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/proof.h"
#include "tests/harness/test.h"

enum { HOWS = VERDICT_BY_PATH + 1 };

extern const uint8_t _binary_verdict_bpf_o_start[], _binary_verdict_bpf_o_end[];

struct opens {
	struct proof proof; /* first */
	uint64_t how[HOWS];
	uint64_t joined[2]; /* by more than the path: dropped, sent */
};

/* --- verdicts --- */

/* As an inode has it: the type in front. */
static uint32_t inode_mode(const struct ev_open *o)
{
	static const uint32_t types[EV_FILETYPE_MAX] = {
		[EV_FILETYPE_FILE] = S_IFREG,    [EV_FILETYPE_DIR] = S_IFDIR,
		[EV_FILETYPE_SYMLINK] = S_IFLNK, [EV_FILETYPE_CHAR] = S_IFCHR,
		[EV_FILETYPE_BLOCK] = S_IFBLK,   [EV_FILETYPE_FIFO] = S_IFIFO,
		[EV_FILETYPE_SOCKET] = S_IFSOCK,
	};

	return o->mode | types[o->type];
}

/* Compared with the tables. */
static bool sends(struct proof *p, struct event *e, const struct filter_facts *facts)
{
	struct opens *t = (struct opens *)p;
	const struct ev_open *o = (const struct ev_open *)e->raw;
	struct filter_facts f = *facts;
	struct filter_event fe = { .kind = EV_OPEN, .facts = &f, .thread = e->raw->comm.b };
	struct verdict_ask a = { .flags = o->oflags, .mode = inode_mode(o) };
	char path[2 * EV_PATH_MAX];
	struct value v;

	if (!filter_is_plain(e))
		return ((struct filter_block *)p->block)->kinds[EV_OPEN] != FILTER_KIND_NONE;
	CHECK(event_get(e, schema_field(e->kind, STR("file.path")), &v));
	snprintf(path, sizeof(path), "%.*s", (int)v.s.len, v.s.p);
	fe.path = path;
	f.flags = o->oflags;
	f.mode = o->mode;
	f.type = o->type;
	f.access = o->oflags & O_PATH ? 0 : o->oflags & 3;
	f.via = a.via = o->io_uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL;
	if (!proof_ask_path(p->program, &a, e->raw, &o->path))
		a.wanted = true;
	t->how[a.how]++;
	if (a.mask && !(a.mask >> FILTER_SURE))
		t->joined[a.wanted]++;
	if (a.signature) {
		CHECK(a.signature == filter_tables_signature(p->block, path));
		CHECK(a.mask == filter_tables_mask(p->block, PROOF_BYTES, false, path));
	}
	if (a.wanted != filter_tables_wants(p->block, PROOF_BYTES, &fe))
		test_fail(__FILE__, __LINE__, "kernel says %u of %s", a.wanted, path);
	return a.wanted;
}

static void begin(struct opens *t)
{
	static const struct proof_cfg cfg = {
		.elf = _binary_verdict_bpf_o_start,
		.elf_end = _binary_verdict_bpf_o_end,
		.program = "verdict_open",
		.kinds = 1ULL << EV_OPEN,
		.sends = sends,
	};

	memset(t, 0, sizeof(*t));
	proof_begin(&t->proof, &cfg);
}

static void forget(struct opens *t)
{
	proof_forget(&t->proof);
	memset(t->how, 0, sizeof(t->how));
	memset(t->joined, 0, sizeof(t->joined));
}

static void tell(const struct opens *t, const char *what)
{
	proof_tell(&t->proof, what, EV_OPEN);
	printf("# known %llu, of a known directory %llu, new %llu; by more than the path %llu "
	       "sent, %llu not\n",
	       (unsigned long long)t->how[VERDICT_STORED],
	       (unsigned long long)t->how[VERDICT_BY_NAME],
	       (unsigned long long)t->how[VERDICT_BY_PATH], (unsigned long long)t->joined[1],
	       (unsigned long long)t->joined[0]);
}

/* --- the golden streams --- */

enum { GOLDEN_SETS = 100 };

static void golden_streams(void)
{
	static struct opens t;
	const struct proof_tally *n = &t.proof.tally[EV_OPEN];
	char dir[TEST_DIR];

	if (access("tests/golden/replay", R_OK))
		test_skip("no tests/golden/replay here");
	test_dir(dir);
	begin(&t);
	proof_goldens(&t.proof, dir, GOLDEN_SETS);
	tell(&t, "golden");
	CHECK(n->dropped > n->plain / 10 && n->wanted > n->plain / 10);
	CHECK(t.how[VERDICT_STORED] && t.how[VERDICT_BY_NAME] && t.how[VERDICT_BY_PATH]);
	proof_end(&t.proof);
}

/* --- a run on this kernel --- */

enum { LIVE_SETS = 25, LIVE_OPENS = 12000, FILES = 400 };

static void by_another_user(const char *dir)
{
	pid_t pid = fork();

	if (!pid) {
		char command[200];

		snprintf(command, sizeof(command), "cat %s/d1/f1 /etc/passwd >/dev/null", dir);
		_exit(setgid(65534) || setuid(65534) || system(command));
	}
	waitpid(pid, NULL, 0);
}

/* Files of many directories, opened in several ways; programs; what the shipped policies look for. */
static void act(const char *dir)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_PATH,
				     O_RDONLY | O_NOFOLLOW };
	char path[100], command[600];

	CHECK(!chmod(dir, 0755));
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/d%d", dir, i % 20);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/d%d/f%d", dir, i % 20, i);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		CHECK(!chmod(path, i % 8 ? 0644 : i % 16 ? 04755 : 02600));
		for (int k = 0; k < 5; k++)
			close(open(path, flags[k] | O_CLOEXEC));
	}
	snprintf(command, sizeof(command),
		 "d=%s; cat /etc/passwd /etc/shadow /etc/hosts >/dev/null 2>&1\n"
		 "ls -lR /etc >/dev/null 2>&1; mkdir $d/.ssh; echo x >$d/.ssh/id_rsa\n"
		 "cat $d/.ssh/* >/dev/null; echo x >>$d/.bashrc; cp /bin/sh $d/sh\n"
		 "$d/sh -c 'cat /etc/shadow $0/d1/f1; : <$0/d1/f1' $d >/dev/null 2>&1\n"
		 "head -c1 /proc/self/environ >/dev/null 2>&1\n"
		 "for i in 1 2 3 4 5 6 7 8 9; do grep -rl x $d/d$i; done >/dev/null\n"
		 "cp /etc/shadow $d/shadow 2>/dev/null",
		 dir);
	CHECK(system(command) != -1); /* what a machine lacks is not done there */
	by_another_user(dir);
}

/* Each alone tells opens of the run apart that have the same mask. */
static const char *const parts[] = {
	"file.mode >= 02000",
	"file.flags in ('O_WRONLY', 'O_RDWR')",
	"file.flags = 'O_RDONLY'",
	"file.flags in ('O_APPEND', 'O_PATH')",
	"file.type = 'dir'",
	"user.id = 65534",
	"user.effective.id in (65534, 65535)",
	"process.name = 'verdict'",
	"not process.name in ('verdict', 'x')",
	"any_ancestor(process.executable) startswith '/tmp/tocsin-test.'",
	"file.path contains '/d1' and not process.executable startswith '/tmp/tocsin-test.'",
};

static void prove_parts(struct opens *t, const char *save)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		forget(t);
		proof_condition(&t->proof, save, LIVE_OPENS, "file.open", parts[i]);
		if (!t->joined[0] || !t->joined[1])
			test_fail(__FILE__, __LINE__, "%s: all opens are alike", parts[i]);
	}
}

static void live_stream(void)
{
	static struct opens t;
	const struct proof_tally *n = &t.proof.tally[EV_OPEN];
	char dir[TEST_DIR], save[100];

	test_dir(dir);
	begin(&t);
	snprintf(save, sizeof(save), "%s/stream", dir);
	agent_record(dir, save, act);
	proof_files(&t.proof, save, LIVE_OPENS, "policies");
	tell(&t, "shipped policies");
	CHECK(n->dropped > n->plain / 2 && n->wanted > 2);
	prove_parts(&t, save);
	forget(&t);
	proof_random(&t.proof, save, LIVE_OPENS, LIVE_SETS);
	tell(&t, "random policies");
	CHECK(n->dropped > n->plain / 10 && n->wanted > 100);
	CHECK(t.how[VERDICT_BY_NAME] > 100 && t.how[VERDICT_BY_PATH] > 100);
	proof_end(&t.proof);
}

static const struct test tests[] = { TEST(golden_streams), TEST(live_stream) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
