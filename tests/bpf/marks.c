/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Program conditions of the kernel filter: marks set at exec, inherited at fork, made by scans for
 * what runs already.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "tests/harness/live.h"

enum { BYTES = 1 << 20 };

struct marked {
	struct live l;
	char dir[TEST_DIR], shell[96], cat[96], file[96];
	uint32_t generation;
};

static void begin(struct marked *m)
{
	struct probe_cfg cfg = live_defaults;
	char command[512];

	memset(m, 0, sizeof(*m));
	cfg.filter_bytes = BYTES;
	cfg.want = KIND_BIT(OPEN);
	live_open(&m->l, &cfg);
	test_dir(m->dir);
	snprintf(m->shell, sizeof(m->shell), "%s/shell", m->dir);
	snprintf(m->cat, sizeof(m->cat), "%s/reader", m->dir);
	snprintf(m->file, sizeof(m->file), "%s/file", m->dir);
	snprintf(command, sizeof(command), "cp /bin/sh %s && cp /bin/cat %s && echo : >%s",
		 m->shell, m->cat, m->file);
	CHECK(!system(command));
}

static void end(struct marked *m)
{
	live_close(&m->l);
}

/* Opens of processes that this is true of are wanted. */
static void want(struct marked *m, const char *program, uint8_t who, bool negated)
{
	struct filter_pattern p = { str_of(program), FILTER_EXACT, false, false };
	struct filter_program asked = { &p, 1, who, negated };
	struct filter_clause c = { .programs = &asked, .nprograms = 1 };
	struct filter_request req = {
		.kinds[EV_OPEN] = { &c, 1 },
		.mode = FILTER_MODE_ON,
		.generation = ++m->generation,
		.max_bytes = BYTES,
	};
	void *block = NULL;

	CHECK_INT(filter_tables_make(&block, &req, NULL), 0);
	CHECK_INT(probe_set_tables(m->l.set, block, NULL), 0);
	free(block);
	live_read(&m->l);
	m->l.len = m->l.count = 0;
}

/* Opens of the file that were seen since the last time. */
static int seen(struct marked *m)
{
	char text[8192];
	int n = 0;

	live_read(&m->l);
	for (const struct ev_hdr *h = NULL; (h = live_next(&m->l, h));) {
		const struct ev_open *o = (const struct ev_open *)h;

		n += h->kind == EV_OPEN && o->path.off &&
		     !strcmp(live_path(h, &o->path, text, sizeof(text)), m->file);
	}
	m->l.len = m->l.count = 0;
	return n;
}

/* A program of its own, without a shell between. */
static void run(const char *program, const char *const *args)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, 1);
		execv(program, (char *const *)args);
		_exit(127);
	}
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
}

static void run_reader(struct marked *m, const char *program)
{
	run(program, (const char *const[]){ "reader", m->file, NULL });
}

static void run_below(struct marked *m, const char *shell)
{
	char script[512];

	snprintf(script, sizeof(script), "/bin/cat %s; (/bin/cat %s; :); :", m->file, m->file);
	run(shell, (const char *const[]){ "shell", "-c", script, NULL });
}

static void the_program_itself(void)
{
	struct marked m;

	begin(&m);
	for (int i = 0; i < 2; i++) {
		want(&m, m.cat, FILTER_SELF, false);
		run_reader(&m, m.cat);
		CHECK_INT(seen(&m), 1);
		run_reader(&m, "/bin/cat");
		CHECK_INT(seen(&m), 0);
		want(&m, m.cat, FILTER_SELF, true);
		run_reader(&m, m.cat);
		CHECK_INT(seen(&m), 0);
		run_reader(&m, "/bin/cat");
		CHECK_INT(seen(&m), 1);
	}
	end(&m);
}

static void its_ancestors(void)
{
	struct marked m;

	begin(&m);
	want(&m, m.shell, FILTER_ANCESTOR, false);
	run_below(&m, m.shell);
	CHECK_INT(seen(&m), 2);
	run_below(&m, "/bin/sh");
	CHECK_INT(seen(&m), 0);
	want(&m, m.shell, FILTER_SELF_OR_ANCESTOR, false);
	run_below(&m, m.shell);
	CHECK_INT(seen(&m), 2);
	run(m.shell, (const char *const[]){ "shell", m.file, NULL }); /* a script of its own */
	CHECK_INT(seen(&m), 1);
	run_below(&m, "/bin/sh");
	CHECK_INT(seen(&m), 0);
	end(&m);
}

/* format: how the shell opens the file. Returns when it has done so. */
static void tell_to(FILE *shell, struct marked *m, const char *format)
{
	char done[96];

	snprintf(done, sizeof(done), "%s/done", m->dir);
	fprintf(shell, format, m->file);
	fprintf(shell, ": >%s\n", done);
	fflush(shell);
	for (int i = 0; i < 6000 && access(done, F_OK); i++)
		usleep(5000);
	CHECK(!unlink(done));
}

/* A shell that does what it is told through a pipe. */
static FILE *start_shell(struct marked *m, const char *program)
{
	char command[160];
	FILE *f;

	snprintf(command, sizeof(command), "exec %s", program);
	f = popen(command, "we");
	CHECK(f);
	tell_to(f, m, ": %s\n");
	return f;
}

static void tell(FILE *shell, struct marked *m)
{
	tell_to(shell, m, "/bin/cat %s >/dev/null\n");
}

/* What runs before the generation comes has its marks when it does. */
static void those_that_run_already(void)
{
	FILE *ours, *other;
	struct marked m;

	begin(&m);
	ours = start_shell(&m, m.shell);
	other = start_shell(&m, "/bin/sh");
	for (int i = 0; i < 3; i++) {
		want(&m, m.shell, FILTER_ANCESTOR, false);
		tell(ours, &m);
		CHECK_INT(seen(&m), 1);
		tell(other, &m);
		CHECK_INT(seen(&m), 0);
		want(&m, "/nowhere", FILTER_SELF, false);
		tell(ours, &m);
		CHECK_INT(seen(&m), 0);
	}
	CHECK(!pclose(ours) && !pclose(other));
	end(&m);
}

/* A child is there before its parent runs the program. */
static void parent_that_changes(void)
{
	struct marked m;
	char script[512];

	begin(&m);
	want(&m, m.shell, FILTER_ANCESTOR, false);
	snprintf(script, sizeof(script), "(sleep 0.3; /bin/cat %s) & exec %s -c 'sleep 0.6; :'",
		 m.file, m.shell);
	run("/bin/sh", (const char *const[]){ "sh", "-c", script, NULL });
	CHECK_INT(seen(&m), 1);
	end(&m);
}

/* A process is known by its fork and its exec: by the parent that it then had, and was then. */
static void parent_that_is_no_more(void)
{
	/* What the parent does once its child, which reads our pipe, is there. */
	static const char *const then[] = { ":", "exec sleep 1" };
	char command[400];
	struct marked m;
	FILE *child;

	begin(&m);
	for (size_t i = 0; i < ARRAY_LEN(then); i++) {
		want(&m, "/nowhere", FILTER_ANCESTOR, false);
		snprintf(command, sizeof(command), "exec 3<&0; %s -c '/bin/sh <&3 3<&- & %s'",
			 m.shell, then[i]);
		child = popen(command, "we");
		CHECK(child);
		usleep(200000);
		tell(child, &m);
		CHECK_INT(seen(&m), 0);
		for (int k = 0; k < 2; k++) {
			want(&m, m.shell, FILTER_ANCESTOR, false);
			tell(child, &m);
			CHECK_INT(seen(&m), 1);
		}
		CHECK(!pclose(child));
	}
	end(&m);
}

static void program_that_was_renamed(void)
{
	char up[120], path[140], other[140];
	struct marked m;
	FILE *shell;

	begin(&m);
	snprintf(up, sizeof(up), "%s/up", m.dir);
	for (int i = 0; i < 2; i++) { /* the program, the directory above it */
		snprintf(path, sizeof(path), "%s/shell", up);
		snprintf(other, sizeof(other), "%s/other", i ? m.dir : up);
		CHECK(!mkdir(up, 0700) && !link(m.shell, path));
		want(&m, "/nowhere", FILTER_SELF, false);
		shell = start_shell(&m, path);
		CHECK(!rename(i ? up : path, other));
		want(&m, path, FILTER_SELF, false);
		tell_to(shell, &m, ": <%s\n");
		CHECK_INT(seen(&m), 1);
		want(&m, path, FILTER_ANCESTOR, false);
		tell(shell, &m);
		CHECK_INT(seen(&m), 1);
		CHECK(!pclose(shell));
		if (!i)
			CHECK(!unlink(other) && !rmdir(up));
	}
	end(&m);
}

/* A deleted program has its path with a word behind: it is not what it was, and may be others. */
static void deleted_program(void)
{
	struct marked m;
	char script[512];

	begin(&m);
	snprintf(script, sizeof(script), "cp /bin/cat %s; exec 9<%s; rm %s; /proc/self/fd/9 %s",
		 m.cat, m.cat, m.cat, m.file);
	for (int i = 0; i < 3; i++) {
		want(&m,
		     i == 0   ? "/nowhere"
		     : i == 1 ? "/no (deleted)"
			      : m.cat,
		     FILTER_SELF, i == 2);
		run("/bin/sh", (const char *const[]){ "sh", "-c", script, NULL });
		CHECK_INT(seen(&m), i != 0);
	}
	end(&m);
}

/* On one CPU, which keeps what was said of the programs it executed: of this text alone, and as long
 * as the generation lasts. The texts begin alike, are as long as each other, or too long to be kept. */
static void programs_that_ran_before(void)
{
	enum { PROGRAMS = 4, TURNS = 5 };
	static const char *const dirs[PROGRAMS] = {
		"a", "b", "longer",
		"a-directory-of-a-name-that-is-as-long-as-what-is-kept-of-a-program-is"
	};
	char paths[PROGRAMS][200], other[200];
	struct marked m;
	cpu_set_t cpus;

	begin(&m);
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	CHECK(!sched_setaffinity(0, sizeof(cpus), &cpus));
	for (int i = 0; i < PROGRAMS; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", m.dir, dirs[i]);
		CHECK(!mkdir(paths[i], 0700));
		strcat(paths[i], "/program-that-reads");
		CHECK(!link(m.cat, paths[i]));
	}
	for (int wanted = 0; wanted < PROGRAMS; wanted++) {
		want(&m, paths[wanted], FILTER_SELF, false);
		for (int turn = 0; turn < TURNS * PROGRAMS; turn++) {
			run_reader(&m, paths[turn % PROGRAMS]);
			CHECK_INT(seen(&m), turn % PROGRAMS == wanted);
		}
		memcpy(other, paths[wanted], sizeof(other));
		other[strlen(other) - 1] = 'z';
		CHECK(!rename(paths[wanted], other));
		run_reader(&m, other);
		CHECK_INT(seen(&m), 0);
		CHECK(!rename(other, paths[wanted]));
		run_reader(&m, paths[wanted]);
		CHECK_INT(seen(&m), 1);
	}
	end(&m);
}

static const struct test tests[] = {
	TEST(the_program_itself),     TEST(its_ancestors),
	TEST(those_that_run_already), TEST(parent_that_changes),
	TEST(parent_that_is_no_more), TEST(program_that_was_renamed),
	TEST(deleted_program),        TEST(programs_that_ran_before),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
