/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A recorded stream and a configuration to the NDJSON that they must give: for each folder of
 * tests/golden/replay a scene (tests/harness/golden.h) is recorded as `run --save` records, replayed
 * by the program itself, and compared with expected.ndjson. Run from the root of the tree.
 *
 * UPDATE=1 writes what came out as what is expected: look at the difference before.
 */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/str.h"
#include "pipeline/util.h"
#include "tests/harness/golden.h"
#include "tests/harness/test.h"

static const char *program(void)
{
	const char *b = getenv("B");
	static char path[200];

	snprintf(path, sizeof(path), "%s/tocsin", b ? b : "build");
	return path;
}

static int replay(const char *name, const char *save_path, const char *out_path)
{
	char config[200];
	int status = -1;
	pid_t pid;

	snprintf(config, sizeof(config), "tests/golden/replay/%s/config.yaml", name);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(out, STDOUT_FILENO);
		dup2(quiet, STDERR_FILENO);
		execl(program(), "tocsin", "replay", save_path, "--config", config, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *read_text(const char *path)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	struct buf b = { 0 };
	char part[4096];
	size_t n;

	while (f && (n = fread(part, 1, sizeof(part), f)))
		buf_add(&b, part, n);
	buf_char(&b, '\0');
	return b.p;
}

static void compare(const char *name, const char *got_path)
{
	char path[200];
	char *got = read_text(got_path), *want, *g, *w, *gs = NULL, *ws = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/replay/%s/expected.ndjson", name);
	CHECK(strlen(got) > 100);
	if (getenv("UPDATE")) {
		f = fopen(path, "we");
		CHECK(f && fputs(got, f) != EOF && !fclose(f));
	}
	want = read_text(path);
	g = strtok_r(got, "\n", &gs);
	w = strtok_r(want, "\n", &ws);
	for (int line = 1; g || w; line++) {
		if (!g || !w || strcmp(g, w))
			test_fail(path, line, "is\n  %s\nnot\n  %s", g ? g : "missing",
				  w ? w : "missing");
		g = strtok_r(NULL, "\n", &gs);
		w = strtok_r(NULL, "\n", &ws);
	}
	free(got);
	free(want);
}

static const struct golden *find(const char *name)
{
	for (uint32_t i = 0; i < GOLDENS; i++)
		if (!strcmp(goldens[i].name, name))
			return &goldens[i];
	test_fail(__FILE__, __LINE__, "no scene is called %s", name);
}

static void replays_as_expected(const char *name)
{
	char dir[TEST_DIR], save[100], out[100];
	int rc;

	test_dir(dir);
	snprintf(save, sizeof(save), "%s/stream", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	golden_record(find(name), save);
	rc = replay(name, save, out);
	if (rc)
		test_fail(__FILE__, __LINE__, "%s replay ended with %d", program(), rc);
	compare(name, out);
}

static void replay_attack(void)
{
	replays_as_expected("attack");
}

static void replay_records(void)
{
	replays_as_expected("records");
}

static void replay_windows(void)
{
	replays_as_expected("windows");
}

static const struct test tests[] = { TEST(replay_attack), TEST(replay_records),
				     TEST(replay_windows) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
