/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Texts of processes: hostile names, files without a name, secrets in arguments, the environment.
 */
#include "enrichers/texts.h"
#include "tests/harness/procs.h"

static bool has(struct str s, const char *text)
{
	return memmem(s.p, s.len, text, strlen(text)) != NULL;
}

static void hostile_texts(void)
{
	static char big[4000];
	struct fix f;
	const struct ctx_lineage *l;
	struct event *e;

	memset(big, 1, sizeof(big) - 1);
	start(&f, NULL);
	execs(&f, 1, 1, 0, "/tmp/a\"\n\x1b[31m\xff\xfe", ARGS("x\"\\\n", "\xc3", big));
	forks(&f, 1, 2, 2);
	forks(&f, 2, 1, 3);
	e = opens(&f, 3, 1, 0);
	CHECK_STREQ(process(e)->name, "a\"\n\x1b[31m\xff\xfe");
	l = e->ctx[CTX_LINEAGE];
	CHECK(has(l->ancestors, "\"name\":\"a\\\"\\n\\u001b[31m\\u"));
	CHECK(has(l->ancestors, "\"truncated\":true"));
	CHECK(has(l->ancestors, "\"encoded\":true"));
	for (uint32_t i = 0; i < l->ancestors.len; i++)
		CHECK((unsigned char)l->ancestors.p[i] >= 0x20);
	end(&f);
}

/* An anonymous file may have slashes in its name, which must not make it sshd. */
static void memfd_name_is_whole(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	rec_exec(&f.r, 20, id(20, 1), id(20, 2), 0, NULL, ARGS("x"));
	rec_bytes(&f.r, &REC(&f.r, exec)->executable, "memfd:x/sshd", 13);
	REC(&f.r, exec)->path_flags = 1u << EV_PATHF_PSEUDO | 1u << EV_PATHF_DELETED;
	rec_end(&f.r);
	e = send(&f);
	CHECK_STREQ(process(e)->executable, "memfd:x/sshd (deleted)");
	CHECK_STREQ(process(e)->name, "memfd:x/sshd");
	rec_exec(&f.r, 20, id(20, 2), id(20, 3), 0, "/tmp/evil", ARGS("x"));
	REC(&f.r, exec)->path_flags = 1u << EV_PATHF_DELETED;
	e = send(&f);
	CHECK_STREQ(process(e)->executable, "/tmp/evil (deleted)");
	CHECK_STREQ(process(e)->name, "evil");
	end(&f);
}

static const char *line_of(struct fix *f, const char *const *args)
{
	static char text[1024];
	struct event *e = execs(f, 20, 1, 0, "/bin/x", args);
	struct str s = process(e)->command_line;

	CHECK(s.len < sizeof(text));
	memcpy(text, s.p, s.len);
	text[s.len] = 0;
	return text;
}

static void secrets_are_redacted(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	CHECK_STR(line_of(&f, ARGS("x", "--password=hunter2", "-v")), "x --password=*** -v");
	CHECK_STR(line_of(&f, ARGS("x", "--db-password", "hunter2", "-v")),
		  "x --db-password *** -v");
	CHECK_STR(line_of(&f, ARGS("x", "--password", "--verbose")), "x --password --verbose");
	CHECK_STR(line_of(&f, ARGS("env", "MYSQL_PASSWORD=a b", "true")),
		  "env MYSQL_PASSWORD=*** b true");
	CHECK_STR(line_of(&f, ARGS("/usr/bin/mysql", "-u", "root", "-pgeheim", "db")),
		  "/usr/bin/mysql -u root -p*** db");
	CHECK_STR(line_of(&f, ARGS("sshpass", "-p", "geheim", "ssh", "-p", "22", "h")),
		  "sshpass -p *** ssh -p 22 h");
	CHECK_STR(line_of(&f, ARGS("curl", "-H", "Authorization: Bearer abc.def-1=")),
		  "curl -H Authorization: Bearer ***");
	CHECK_STR(line_of(&f, ARGS("git", "clone", "https://me:tok@host/x")),
		  "git clone https://me:***@host/x");
	CHECK_STR(line_of(&f, ARGS("aws", "AKIAIOSFODNN7EXAMPLE")), "aws ***");
	CHECK_STR(line_of(&f, ARGS("x", "AWS_SECRET_ACCESS_KEY=wJalr/x+y")),
		  "x AWS_SECRET_ACCESS_KEY=***");
	CHECK_STR(line_of(&f, ARGS("ls", "-p", "/tmp", "--color=auto")), "ls -p /tmp --color=auto");
	e = execs(&f, 20, 1, 0, "/bin/x", ARGS("x", "--token", "t", "y"));
	CHECK_INT(process(e)->args.len, 16);
	CHECK(!memcmp(process(e)->args.p, "x\0--token\0***\0y", 16));
	end(&f);
}

/* Texts without secrets are remembered: whatever came before, each is judged by itself. */
static void remembered_texts(void)
{
	const char *const places[] = { "-v", "--password=x", "--passwd" };
	static char word[300], line[320];
	struct fix f;

	start(&f, NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 400; i++) {
			snprintf(word, sizeof(word), "w%d", i);
			snprintf(line, sizeof(line), "x %s -v", word);
			CHECK_STR(line_of(&f, ARGS("x", word, places[0])), line);
			snprintf(line, sizeof(line), "x %s --password=***", word);
			CHECK_STR(line_of(&f, ARGS("x", word, places[1])), line);
			snprintf(line, sizeof(line), "x --passwd ***");
			CHECK_STR(line_of(&f, ARGS("x", places[2], word)), line);
		}
	}
	for (uint32_t n = 240; n < 270; n++) { /* about the longest that is remembered */
		memset(word, 'a', n);
		word[n] = 0;
		for (int i = 0; i < 2; i++)
			CHECK_STR(line_of(&f, ARGS(word)), word);
		memcpy(word + n - 7, "token=b", 7);
		CHECK(strstr(line_of(&f, ARGS(word)), "token=***"));
	}
	end(&f);
}

static void patterns_of_the_user(void)
{
	struct fix f;

	start(&f, "redact_args=s+cret,redact_args=^x (\\S+) end$");
	CHECK_STR(line_of(&f, ARGS("a", "ssscret scret")), "a *** ***");
	CHECK_STR(line_of(&f, ARGS("x", "middle", "end")), "x *** end");
	CHECK_STR(line_of(&f, ARGS("x", "--password=shown")), "x --password=shown");
	end(&f);
	start(&f, "redact_args=^(a+)+$");
	for (uint32_t i = 1; i < 4; i++) { /* nothing is kept of what may have come out badly */
		CHECK_STR(line_of(&f, ARGS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")),
			  "***");
		enrich_tick(f.b, f.now);
		CHECK_INT(enrich_counter(f.b, "redact_gave_up"), i);
	}
	end(&f);
}

static void no_memory(void)
{
	static char list[] = "cat\0/etc/hosts";
	static const struct opt_list none;
	struct ctx_process c;
	struct texts t;

	CHECK_INT(texts_init(&t, NULL, &none, &none, &none), 0);
	for (uint32_t i = 0; i < 4; i++) {
		t.args.max = i == 1 ? 4 : 0; /* not enough */
		t.line.max = i == 2 ? 4 : 0;
		c = (struct ctx_process){ .args = { list, sizeof(list) } };
		CHECK(texts_finish(&t, &c) == (i == 0 || i == 3));
		CHECK_INT(c.command_line.len, i == 0 || i == 3 ? sizeof(list) - 1 : 0);
		buf_free(&t.args); /* what has room once keeps it */
		buf_free(&t.line);
	}
	texts_free(&t);
}

static void chosen_environment(void)
{
	struct fix f;
	struct event *e;
	static const char *const env[] = { "PATH=/bin", "LD_PRELOAD=/tmp/x.so",
					   "LD_X=1",    "API_TOKEN=abc\ndef",
					   "NOEQUALS",  "=odd",
					   NULL };

	start(&f, "env=LD_*,env=API_?OKEN");
	rec_exec(&f.r, 20, id(20, 1), id(20, 2), 0, "/bin/x", ARGS("x"));
	rec_list(&f.r, &REC(&f.r, exec)->env, env);
	rec_end(&f.r);
	e = send(&f);
	CHECK_INT(process(e)->env.len, 42);
	CHECK(!memcmp(process(e)->env.p, "LD_PRELOAD=/tmp/x.so\0LD_X=1\0API_TOKEN=***", 42));
	end(&f);
	start(&f, NULL);
	e = enrich(f.b, &f.r);
	CHECK(!process(e)->env.p); /* off by default */
	end(&f);
}

static const struct test tests[] = {
	TEST(hostile_texts),      TEST(memfd_name_is_whole),  TEST(secrets_are_redacted),
	TEST(remembered_texts),   TEST(patterns_of_the_user), TEST(no_memory),
	TEST(chosen_environment),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
