/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The index of the engine: random sets of rules over all operators and random events, whose
 * matches must be those of asking every rule in turn. Values and literals are put together from
 * few parts, so that tests hold often and nearly. SEED=N repeats a run.
 */
#include "pipeline/policy/index/index.h"

#include <time.h>

#include "tests/harness/linear.h"
#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { SETS = 400, EVENTS = 60, RULES_MAX = 80, DEPTH = 3 };

static uint64_t state;
static struct buf rules_text; /* of the set at hand */

static uint32_t below(uint32_t n)
{
	return random_below(&state, n);
}

/* Parts of texts as the expression writes them, and as the bytes that they are. */
static const struct part {
	const char *written, *bytes;
	size_t len;
} parts[] = {
	{ "/", "/", 1 },
	{ "a", "a", 1 },
	{ "b", "b", 1 },
	{ "/etc", "/etc", 4 },
	{ "/tmp/", "/tmp/", 5 },
	{ "ab", "ab", 2 },
	{ "shadow", "shadow", 6 },
	{ ".sh", ".sh", 3 },
	{ "A", "A", 1 },
	{ "\\n", "\n", 1 },
	{ "\\xff", "\xff", 1 },
	{ " -e ", " -e ", 4 },
	{ "curl", "curl", 4 },
	{ "lib", "lib", 3 },
	{ "x86_64-linux-gnu", "x86_64-linux-gnu", 16 },
};

static const char *const globs[] = { "*", "?", "[ab]", "[!/]", "*", "\\\\*", "" };
static const char *const regexes[] = { ".*",   "^",       "$",    "[a-z]+",  "(ab|curl)", "\\\\b",
				       "a?",   "(?:x|b)", "(?i)", "\\\\.",   "|",         "[^/]*",
				       "a{2}", "\\\\w+",  "(a|)", "\\\\x41", "." };

struct field_row {
	const char *path;
	enum { TEXT, LIST, NUMBER, NAME, FLAGS, TRUTH, ADDRESS } type;
	const char *values[6]; /* of all but texts */
};

static const struct field_row rows[] = {
	{ "file.path", TEXT, { 0 } },
	{ "process.name", TEXT, { 0 } },
	{ "process.thread.name", TEXT, { 0 } },
	{ "process.command_line", TEXT, { 0 } },
	{ "process.args", LIST, { 0 } },
	{ "process.ancestor_names", LIST, { 0 } },
	{ "file.inode", NUMBER, { "1", "2", "3", "400", "18446744073709551615" } },
	{ "file.mode", NUMBER, { "0", "0644", "0755", "04755" } },
	{ "process.pid", NUMBER, { "0", "1", "2", "77" } },
	{ "destination.port", NUMBER, { "22", "80", "443", "65535" } },
	{ "event.outcome", NAME, { "success", "failure", "unknown" } },
	{ "file.type", NAME, { "file", "fifo" } },
	{ "network.transport", NAME, { "tcp", "udp" } },
	{ "file.flags", FLAGS, { "O_RDONLY", "O_WRONLY", "O_CREAT", "O_TRUNC" } },
	{ "tocsin.io_uring", TRUTH, { "true" } },
	{ "destination.ip",
	  ADDRESS,
	  { "10.1.2.3", "10.1.2.4", "::ffff:10.1.2.3", "fe80::1", "192.0.2.1", "fe80::2" } },
};

static const char *const nets[] = { "10.0.0.0/8",  "10.1.2.0/24", "0.0.0.0/0",
				    "::/0",        "fe80::/10",   "::ffff:10.0.0.0/104",
				    "10.1.2.3/32", "fe80::1/128" };
static const char *const kinds[] = { "file.open", "network.connect", "process.exec" };

static const char *value_of(const struct field_row *r)
{
	uint32_t n = 0;

	while (n < 6 && r->values[n])
		n++;
	return r->values[below(n)];
}

/* A text literal in quotes; of a glob or regex with some of its signs. */
static void literal(struct buf *b, const char *const *signs, uint32_t nsigns, bool is_short)
{
	uint32_t n = 1 + below(is_short ? 2 : 4);

	buf_char(b, '"');
	for (uint32_t i = 0; i < n; i++) {
		if (signs && below(2))
			buf_lit(b, signs[below(nsigns)]);
		buf_lit(b, parts[below(is_short ? 4 : sizeof(parts) / sizeof(*parts))].written);
	}
	if (signs && below(2))
		buf_lit(b, signs[below(nsigns)]);
	buf_char(b, '"');
}

static void text_test(struct buf *b, const struct field_row *r)
{
	static const char *const words[] = { "=",        "!=",   "in",    "contains", "startswith",
					     "endswith", "glob", "regex", "exists" };
	static const char *const folding[] = { "ieq",       "ine",         "iin",
					       "icontains", "istartswith", "iendswith",
					       "iglob",     "iregex",      "exists" };
	static const char *const terms[] = { "basename", "dirname", "lower", "upper", "extension" };
	uint32_t op = below(9), n = op < 2 ? 1 : 1 + below(3);
	bool is_short = !strcmp(r->path, "process.thread.name");

	buf_addf(b, below(5) ? "%.0s%s %s " : "%s(%s) %s ", terms[below(5)], r->path,
		 below(4) ? words[op] : folding[op]);
	if (op == 8)
		return;
	if (op == 2 && !below(8))
		n = 12;
	buf_lit(b, op < 2 ? "" : "(");
	for (uint32_t i = 0; i < n; i++) {
		buf_lit(b, i ? ", " : "");
		if (op == 6)
			literal(b, globs, sizeof(globs) / sizeof(*globs), is_short);
		else if (op == 7)
			literal(b, regexes, sizeof(regexes) / sizeof(*regexes), is_short);
		else
			literal(b, NULL, 0, is_short);
	}
	buf_lit(b, op < 2 ? "" : ")");
}

static void other_test(struct buf *b, const struct field_row *r)
{
	static const char *const ordered[] = { "=", "!=", "<", "<=", ">", ">=" };
	bool quoted = r->type != NUMBER && r->type != TRUTH;
	const char *q = quoted ? "\"" : "";

	if (!below(8))
		buf_addf(b, "%s exists", r->path);
	else if (r->type == TRUTH)
		buf_lit(b, r->path);
	else if (r->type == ADDRESS && below(2))
		buf_addf(b, "%s cidr (\"%s\", \"%s\")", r->path, nets[below(8)], nets[below(8)]);
	else if (below(3))
		buf_addf(b, "%s %s %s%s%s", r->path, ordered[below(r->type == NUMBER ? 6 : 2)], q,
			 value_of(r), q);
	else
		buf_addf(b, "%s in (%s%s%s, %s%s%s)", r->path, q, value_of(r), q, q, value_of(r),
			 q);
}

/* Two fields, or a number made of one. */
static void term_test(struct buf *b)
{
	static const char *const tests[] = {
		"file.path contains process.name",
		"process.args = process.name",
		"file.inode + 1 = 3",
		"length(process.name) > 4",
		"count(process.args) in (1, 2)",
		"file.uid = user.id",
		"any_ancestor(process.name) = \"ab\"",
		"file.mode = file.mode",
		"process.pid % 2 = 1",
	};

	buf_lit(b, tests[below(9)]);
}

static void condition(struct buf *b, uint32_t depth)
{
	const struct field_row *r = &rows[below(sizeof(rows) / sizeof(*rows))];
	uint32_t n = 2 + below(2);

	if (depth && below(3)) {
		const char *word = below(2) ? " and " : " or ";

		buf_lit(b, below(4) ? "(" : "not (");
		for (uint32_t i = 0; i < n; i++) {
			buf_lit(b, i ? word : "");
			condition(b, depth - 1);
		}
		buf_char(b, ')');
		return;
	}
	buf_lit(b, below(6) ? "" : "not ");
	if (!below(20))
		term_test(b);
	else if (r->type <= LIST)
		text_test(b, r);
	else
		other_test(b, r);
}

/* Rules that are refused (a wrong pattern, a field of another kind) are left out. */
static struct policy_set *random_set(void)
{
	struct policy_set *s = NULL;
	struct buf all = { 0 }, one = { 0 };
	struct diags d = { 0 };
	uint32_t n = 1 + below(RULES_MAX);

	buf_lit(&all, "policies:\n");
	for (uint32_t i = 0; i < n; i++) {
		struct policy_set *alone = NULL;
		struct diags problems = { 0 };

		buf_reset(&one);
		buf_addf(
			&one,
			"- name: r%u\n  on: [file.open, network.connect, process.exec]\n  where: |\n    ",
			i);
		condition(&one, DEPTH);
		buf_char(&one, '\n');
		if (!below(4)) {
			buf_lit(&one, "  exceptions:\n  - where: |\n      ");
			condition(&one, 1);
			buf_char(&one, '\n');
		}
		{
			struct buf text = { 0 };

			buf_lit(&text, "policies:\n");
			buf_str(&text, (struct str){ one.p, (uint32_t)one.len });
			CHECK_INT(policy_load_text(&alone, "one",
						   (struct str){ text.p, (uint32_t)text.len },
						   &problems),
				  0);
			buf_free(&text);
		}
		if (!problems.errors)
			buf_str(&all, (struct str){ one.p, (uint32_t)one.len });
		policy_free(alone);
		diags_free(&problems);
	}
	if (all.len > 10)
		CHECK_INT(policy_load_text(&s, "all", (struct str){ all.p, (uint32_t)all.len }, &d),
			  0);
	CHECK_INT(d.errors, 0);
	buf_free(&rules_text);
	rules_text = all;
	buf_free(&one);
	diags_free(&d);
	return s;
}

static void random_text(struct made *m, const struct field_row *r)
{
	struct buf b = { 0 };
	uint32_t n = below(6);

	buf_lit(&b, !strcmp(r->path, "file.path") ? "/" : "");
	for (uint32_t i = 0; i < n; i++) {
		const struct part *p = &parts[below(sizeof(parts) / sizeof(*parts))];

		buf_add(&b, p->bytes, p->len);
		if (r->type == LIST && !below(3))
			buf_char(&b, '\x1f');
	}
	/* A path is made of components, none of them empty. */
	for (size_t i = 1; !strcmp(r->path, "file.path") && i < b.len; i++)
		if (b.p[i] == '/' && b.p[i - 1] == '/')
			b.p[i] = 'c';
	if (b.len > 1 && b.p[b.len - 1] == '/')
		b.p[b.len - 1] = 'd';
	made_set_bytes(m, r->path, b.p ? b.p : "", b.len);
	buf_free(&b);
}

static struct made *random_event(void)
{
	struct made *m = made_new(kinds[below(3)]);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!below(4))
			continue;
		if (rows[i].type <= LIST)
			random_text(m, &rows[i]);
		else
			made_set(m, rows[i].path, value_of(&rows[i]));
	}
	return m;
}

static void compare(const struct policy_set *s, struct policy_engine *p, struct made *m,
		    struct op_scratch *scratch, uint64_t *held)
{
	struct event *e = made_event(m);
	const struct kind_rules *kr = &s->rules.kinds[e->kind->kind];
	const struct match *found;
	uint32_t n = policy_match(p, e, &found), at = 0;

	for (uint32_t i = 0; i < kr->nrules; i++) {
		const struct policy *pol = policy_at(s, kr->rules[i].policy);
		bool want = linear_holds(&s->rules, i, e, scratch);
		bool got = at < n && found[at].policy == pol;

		if (want != got)
			printf("# %.*s\n", (int)rules_text.len, rules_text.p);
		if (want != got)
			test_fail(__FILE__, __LINE__, "%.*s %s", (int)pol->name.len, pol->name.p,
				  want ? "holds and is not found" : "is found and does not hold");
		at += got;
		*held += want;
	}
	CHECK_INT(at, n);
}

static void same_as_linear(void)
{
	struct op_scratch scratch = { regex_scratch_new() };
	uint64_t held = 0, asked = 0, judged = 0;

	state = random_seed("SEED");
	for (int i = 0; i < SETS; i++) {
		struct policy_engine *p = NULL;
		struct policy_set *s = random_set();

		if (!s)
			continue;
		CHECK_INT(policy_engine_new(&p, s), 0);
		for (int j = 0; j < EVENTS; j++) {
			struct made *m = random_event();

			compare(s, p, m, &scratch, &held);
			judged += s->rules.kinds[m->rec.h.kind].nrules;
			made_free(m);
		}
		asked += policy_engine_stats(p).evaluated;
		policy_engine_free(p);
		policy_free(s);
	}
	printf("# %llu pairs, %llu asked, %llu held\n", (unsigned long long)judged,
	       (unsigned long long)asked, (unsigned long long)held);
	CHECK(judged > 100000 && held > judged / 50 && asked < judged * 3 / 4);
	regex_scratch_free(scratch.regex);
}

static void marks(void)
{
	enum { N = 600000 };
	struct marks m = { 0 };
	uint32_t top = 0, last = 0, n = 0, want = 0, got;

	CHECK_INT(marks_init(&m, N), 0);
	for (uint32_t i = 0; i < N; i += 1 + i % 977) {
		marks_set(&m, i);
		marks_set(&m, i);
		want++;
	}
	while ((got = marks_next(&m, &top)) != UINT32_MAX) {
		CHECK(!n || got > last);
		last = got;
		n++;
	}
	CHECK_INT(n, want);
	for (uint32_t i = 0; i <= N / 64; i++)
		CHECK(!m.words[i]);
	marks_free(&m);
}

/* Expressions that are slow to compile together: what is too much is asked one by one instead. */
static void hostile_patterns(void)
{
	static const char *const patterns[] = {
		"(.*a.*b|c%d.*){4}",
		"(.*x|.*y|.*%d)[a-z]",
		"(?:[a-z]{1,9}[0-9]{1,9}){1,4}(x|%d)",
		"(.*x%d|.*y|.*[0-9]z){5}",
		"[a-z]{1,30}[0-9]{1,30}(x|%d)",
		"(a.*b|c.*d|e.*%d)+f?.*g",
		"(.*(.*(.*%d.*)[ab]+)[cd]+)+",
		".{64}a.{64}b.{64}c|%d",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		struct buf b = { 0 };
		struct policy_set *s = NULL;
		struct diags d = { 0 };
		clock_t start;

		buf_lit(&b, "policies:\n");
		for (int j = 0; j < 200; j++) {
			buf_addf(
				&b,
				"- name: p%d\n  on: process.exec\n  where: |\n    process.command_line regex '",
				j);
			buf_addf(&b, patterns[i], j);
			buf_lit(&b, "'\n");
		}
		start = clock();
		CHECK_INT(policy_load_text(&s, "f", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
		printf("# %s: %.2f s of CPU, %u bytes\n", patterns[i],
		       (double)(clock() - start) / CLOCKS_PER_SEC, (unsigned)b.len);
		CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 3);
		CHECK_INT(policy_count(s), 200);
		policy_free(s);
		diags_free(&d);
		buf_free(&b);
	}
}

/* A policy is asked where one of the texts of the alternatives is there, and only there, however many
 * they are. */
static void alternatives(void)
{
	static const struct {
		const char *pattern, *line;
		bool asked;
	} cases[] = {
#define MINERS                                                                                     \
	"\\b(xmrig|minerd|cpuminer|ethminer|nbminer|phoenixminer|lolminer|teamredminer|randomx)\\b"
		{ MINERS, "make -j2 all", false },
		{ MINERS, "/opt/ethminer -o", true },
		{ MINERS, "/opt/ethmine -o", false },
		{ "(curl|wget) .*[|] *(ba|da|z)?sh", "tar xf curl.tar", true },
		{ "(curl|wget) .*[|] *(ba|da|z)?sh", "tar xf cur.tar", false },
		{ "alpha.*beta.*gamma.*delta|omega.*psi.*chi.*phi", "phi", false },
		{ "alpha.*beta.*gamma.*delta|omega.*psi.*chi.*phi", "omega", true },
		{ "(foo|bar)[.]sh$", "x.sh", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct made *m = made_new("process.exec");
		char text[300];
		struct matcher r;

		snprintf(text, sizeof(text),
			 "policies:\n- name: p\n  on: process.exec\n  where: |\n"
			 "    process.command_line regex '%s'\n",
			 cases[i].pattern);
		r = matcher_new(text);
		CHECK(made_set(m, "process.command_line", cases[i].line));
		policy_match(r.engine, made_event(m), &r.m);
		if (policy_engine_stats(r.engine).evaluated != cases[i].asked)
			test_fail(__FILE__, __LINE__, "%s in %s", cases[i].pattern, cases[i].line);
		made_free(m);
		matcher_free(&r);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(marks), TEST(same_as_linear),
					     TEST(hostile_patterns), TEST(alternatives) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
