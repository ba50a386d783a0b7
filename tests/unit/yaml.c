/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/yaml.h and diag.h: trees, positions, limits, refusals.
 */
#include "pipeline/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/test.h"

static struct yaml_doc *parse_ok(const char *text)
{
	struct yaml_doc *doc = NULL;
	struct diags d = { 0 };

	if (yaml_parse(&doc, "f.yaml", str_of(text), &d)) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "refused: %s", text);
	}
	CHECK_INT(d.count, 0);
	return doc;
}

/* All problems as diags_print shows them. */
static const char *problems(struct str text, int want_err)
{
	static char shown[4096];
	struct yaml_doc *doc = (void *)shown;
	struct diags d = { 0 };
	FILE *f = fmemopen(shown, sizeof(shown), "w");

	CHECK_INT(yaml_parse(&doc, "f.yaml", text, &d), want_err);
	CHECK(doc == (void *)shown);
	diags_print(&d, f);
	fclose(f);
	diags_free(&d);
	return shown;
}

static void tree(void)
{
	struct yaml_doc *doc =
		parse_ok("a: 1\nlist:\n  - x\n  - {k: 'v'}\nn: ~\ne:\nnull: \"~\"\n");
	const struct yaml_node *r = yaml_root(doc), *l = yaml_get(r, "list");

	CHECK_INT(r->type, YAML_MAP);
	CHECK_INT(r->count, 5);
	CHECK_STREQ(yaml_get(r, "a")->text, "1");
	CHECK(!yaml_get(r, "a")->quoted);
	CHECK_INT(l->type, YAML_LIST);
	CHECK_INT(l->count, 2);
	CHECK_INT(l->items[1]->line, 4);
	CHECK_INT(l->items[1]->column, 5);
	CHECK_STREQ(yaml_get(l->items[1], "k")->text, "v");
	CHECK(yaml_get(l->items[1], "k")->quoted);
	CHECK_INT(yaml_get(r, "n")->type, YAML_NULL);
	CHECK_INT(yaml_get(r, "e")->type, YAML_NULL);
	CHECK_INT(yaml_get(r, "null")->type, YAML_SCALAR);
	CHECK(!yaml_get(r, "zz") && !yaml_get(l, "k") && !yaml_get(NULL, "k"));
	yaml_doc_free(doc);
	yaml_doc_free(NULL);
}

static void empty(void)
{
	static const char *const texts[] = { "", "# nothing\n", "\n\n", "---\n", "---\n...\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct yaml_doc *doc = parse_ok(texts[i]);

		CHECK_INT(yaml_root(doc)->type, YAML_NULL);
		yaml_doc_free(doc);
	}
}

static void refused(void)
{
	CHECK_STR(problems(STR("a: 1\nb: 2\na: 3\n"), -EINVAL),
		  "f.yaml:3:1: key a is here a second time (first on line 1)\n");
	CHECK_STR(problems(STR("a: &x 1\nb: *x\n"), -EINVAL),
		  "f.yaml:1:4: anchors are not supported (&x)\n"
		  "f.yaml:2:4: aliases are not supported (*x)\n");
	CHECK_STR(problems(STR("a: !!str 1\n"), -EINVAL),
		  "f.yaml:1:4: tags are not supported (tag:yaml.org,2002:str)\n");
	CHECK_STR(problems(STR("a: 1\n---\nb: 2\n"), -EINVAL),
		  "f.yaml:2:1: a second document; one a file is allowed\n");
	CHECK_STR(problems(STR("[a]: 1\n"), -EINVAL), "f.yaml:1:1: a key must be plain text\n");
	CHECK(strstr(problems(STR("a: [1\nb: 2\n"), -EINVAL), "f.yaml:2:"));
	CHECK_STR(problems(STR("a: 1\n\xc3\xa4: \xff\n"), -EINVAL),
		  "f.yaml:2:4: not valid text: invalid leading UTF-8 octet\n");
	CHECK(strstr(problems(STR("a: \0b\n"), -EINVAL), "f.yaml:1:4: not valid text"));
	CHECK(strstr(problems(STR("a: \x1b[2J\n"), -EINVAL), "f.yaml:1:4: not valid text"));
}

static void many_duplicates(void)
{
	struct buf b = { 0 };

	for (int i = 0; i < 2000; i++)
		buf_addf(&b, "k%d: 1\n", i % 1000);
	CHECK(strstr(problems((struct str){ b.p, (uint32_t)b.len }, -EINVAL),
		     "key k0 is here a second time (first on line 1)"));
	buf_free(&b);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void repeat(struct buf *b, const char *unit, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_lit(b, unit);
}

/* Hostile shapes end soon, with a reason. */
static void limits(void)
{
	static const struct {
		const char *unit;
		size_t times;
		int err;
	} shapes[] = {
		{ "[", 1000000, -E2BIG },
		{ "- ", 1000000, -E2BIG },
		{ "{a: ", 200000, -E2BIG },
		{ "- a\n", YAML_MAX_NODES + 1, -E2BIG },
		{ "? ", 200000, -E2BIG },
		{ "a", YAML_MAX_BYTES + 1, -E2BIG },
		{ "x: &a [*a, *a]\n", 2000, -EINVAL },
		{ "\"\\", 500000, -EINVAL },
		{ "#\n", 4000000, 0 },
		{ "!", 500000, -EINVAL },
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct buf b = { 0 };
		struct yaml_doc *doc = NULL;
		struct diags d = { 0 };
		double start = seconds();

		repeat(&b, shapes[i].unit, shapes[i].times);
		CHECK_INT(yaml_parse(&doc, "f", (struct str){ b.p, (uint32_t)b.len }, &d),
			  shapes[i].err);
		CHECK(seconds() - start < 10);
		CHECK((shapes[i].err == 0) == (d.errors == 0));
		yaml_doc_free(doc);
		diags_free(&d);
		buf_free(&b);
	}
}

static uint64_t count(struct str text)
{
	struct yaml_count n = { .nodes_max = UINT64_MAX, .items_max = UINT64_MAX };

	yaml_count(text, &n);
	CHECK_INT(n.line, 0);
	return n.nodes;
}

/* What is counted without a tree is what the tree has. */
static void counted(void)
{
	static const char *const texts[] = {
		"a",
		"[a, b, [c, d], {e: f, g}, h: i, ]",
		"{\"a\":[1,2],'b''c': \"d\\\"e\",  f : g }",
		"[a: , \"\":b, ? c : d, ? e]",
		"- a\n- - b\n  - c\n-\n- d: e\n  f:\n  - g\n  -\n  h:\n    - i\n",
		"a: b\nc:\n  d: e # f: g\n  # h: i\n  j: k#l\nm:n: o\n",
		"? a\n: b\n? c\n? d\n:\n- e\n- f\n",
		"a: b - c\n  - d\n  e, [f]:g\n  - h\ni: j\n",
		"a: |\n  - b\n  c: d\n\n   - e\nf: g\n",
		"a:\n  - >-\n    b: c\n\n    - d\n  - |2\n      - e\n    f: g\n  - h\n",
		"a: |+\n\n\n  b: c\n\nd: |1\n - e\nf: >\ng: h\n",
		"a: \"b\n  - c: d\\\n  - e\"\nf: 'g\n\n  h: ''i'': j'\nk: l\n",
		"--- # a\n- b\n- c\n...\n",
		"%YAML 1.1\n---\na: [b,\nc,\n  # d, e\nf g\n  h]\ni:\n- j\n",
		"- http://a:80/b?c=d\n- -e\n- ?f\n- :g\n- a:b\n- 'x': y\n- [z: -1]\n",
		"\"a\": b\n'c' : d\n\"e f\":\n  g: h\n",
		"a: b\r\nc:\r\n- d\r\n- |\r\n  - e\r\nf: g\r\n",
		"a: b\xc2\x85"
		"c:\xe2\x80\xa8# e\xe2\x80\xa9"
		"- f\n",
		"\xc3\xa9\xc3\xa8: \xe2\x82\xac\n\xc2\xa3: [\xe2\x82\xac, a]\n",
		"\xef\xbb\xbf"
		"a: b\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct yaml_doc *doc = NULL;
		struct diags d = { 0 };

		if (yaml_parse(&doc, "f.yaml", str_of(texts[i]), &d))
			test_fail(__FILE__, __LINE__, "%s: %s", d.items[0].reason, texts[i]);
		if (count(str_of(texts[i])) != yaml_nodes(doc))
			test_fail(__FILE__, __LINE__, "counted %u, not %u: %s",
				  (uint32_t)count(str_of(texts[i])), yaml_nodes(doc), texts[i]);
		yaml_doc_free(doc);
		diags_free(&d);
	}
}

static void counted_files(void)
{
	glob_t g = { 0 };

	CHECK_INT(glob("policies/*.yaml", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct yaml_doc *doc = NULL;
		struct diags d = { 0 };

		CHECK_INT(yaml_load(&doc, g.gl_pathv[i], &d), 0);
		CHECK_INT(count(yaml_source(doc)), yaml_nodes(doc));
		yaml_doc_free(doc);
	}
	CHECK(g.gl_pathc > 5);
	globfree(&g);
}

/* Where there are more than may be, it says where they begin to be. */
static void counted_place(void)
{
	static const struct {
		uint32_t max, nodes, line, column;
	} cases[] = { { 9, 9, 0, 0 }, { 8, 9, 3, 5 }, { 6, 7, 2, 13 }, { 2, 3, 1, 2 } };
	struct str text = STR("a:\n  \"\xc3\xa9\": [b, c,\nd, e]\n");

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct yaml_count n = { .nodes_max = cases[i].max, .items_max = UINT64_MAX };

		yaml_count(text, &n);
		CHECK_INT(n.nodes, cases[i].nodes);
		CHECK_INT(n.line, cases[i].line);
		CHECK_INT(n.column, cases[i].column);
	}
}

static void counted_items(void)
{
	static const struct {
		const char *text;
		uint32_t items, line, column; /* with more than 2 */
	} cases[] = {
		{ "p: [a, [b, c], {d: e}, f]\n", 3, 1, 22 },
		{ "p:\n- a\n- b: c\n  d:\n  - e\n  - f\n- g\n- h\nq:\n- i\n- j\n", 3, 7, 1 },
		{ "q: [a, b, c]\np :\n  - a:\n    - b\n    - c\n  - - d\n    - e\n", 2, 0, 0 },
		{ "q:\n  p:\n  - a\n  - b\n  - c\n", 0, 0, 0 },
		{ "p: {a: [b, c, d]}\np2: [a, b, c]\n", 0, 0, 0 },
		{ "p: |\n  - a\n  - b\n  - c\n", 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct yaml_count n = { .nodes_max = UINT64_MAX, .items_max = 2, .list = "p" };

		yaml_count(str_of(cases[i].text), &n);
		CHECK_INT(n.items, cases[i].items);
		CHECK_INT(n.line, cases[i].line);
		CHECK_INT(n.column, cases[i].column);
	}
}

/* Where the mark @ is in the text of the scalar `s`, the source has it at line:column. */
static void check_mark(const char *source, uint32_t line, uint32_t column)
{
	struct yaml_doc *doc = parse_ok(source);
	const struct yaml_node *n = yaml_get(yaml_root(doc), "s");
	const char *at = memchr(n->text.p, '@', n->text.len);
	uint32_t got_line, got_column;

	CHECK(at);
	yaml_where(doc, n, (uint32_t)(at - n->text.p), &got_line, &got_column);
	if (got_line != line || got_column != column)
		test_fail(__FILE__, __LINE__, "%u:%u, not %u:%u in\n%s", got_line, got_column, line,
			  column, source);
	yaml_where(doc, n, n->text.len + 10, &got_line, &got_column);
	yaml_doc_free(doc);
}

static void positions(void)
{
	check_mark("s: ab @\n", 1, 7);
	check_mark("\xef\xbb\xbfx: 1\ns: \xc3\xa4\xe2\x82\xac @\n", 2, 7);
	check_mark("s: ab\n   cd @\n", 2, 7);
	check_mark("s: ab\n\n\n   cd @\n", 4, 7);
	check_mark("s: 'ab @'\n", 1, 8);
	check_mark("s: 'it''s @'\n", 1, 11);
	check_mark("s: 'it''s  \n\n  \n  two @'\n", 4, 7);
	check_mark("s: \"a\\tb @\"\n", 1, 10);
	check_mark("s: \"\\u20ac\\x41\\U0001F600\\N\\L @\"\n", 1, 30);
	check_mark("s: \"a \\\n   b\\\n   @\"\n", 3, 4);
	check_mark("s: \"a\n   b @\"\n", 2, 6);
	check_mark("s: |\n  one\n  two @\n", 3, 7);
	check_mark("s: |\n\n  one\n\n    two @\n", 5, 9);
	check_mark("s: >-\n  one\n  two @\n", 3, 7);
	check_mark("s: >\n  one\n\n  two\n    more\n  @\n", 6, 3);
	check_mark("s: |2\n    @\n", 2, 5);
	check_mark("s: 'a\r\n  b @'\r\n", 2, 5);
}

static void files(void)
{
	char dir[TEST_DIR], path[64];
	struct yaml_doc *doc = NULL;
	struct diags d = { 0 };
	int fd;

	test_dir(dir);
	CHECK_INT(yaml_load(&doc, dir, &d), -EISDIR);
	CHECK_INT(yaml_load(&doc, "/dev/zero", &d), -EINVAL);
	snprintf(path, sizeof(path), "%s/x", dir);
	CHECK_INT(yaml_load(&doc, path, &d), -ENOENT);
	CHECK(mkfifo(path, 0600) == 0);
	CHECK_INT(yaml_load(&doc, path, &d), -EINVAL);
	unlink(path);
	CHECK_INT(d.count, 4);
	CHECK_STR(d.items[1].reason, "is a device, not a file");
	CHECK_STR(d.items[3].reason, "is a FIFO, not a file");
	CHECK_STR(d.items[3].file, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && write(fd, "a: [1, 2]\n", 10) == 10);
	CHECK_INT(yaml_load(&doc, path, &d), 0);
	CHECK_INT(yaml_get(yaml_root(doc), "a")->count, 2);
	yaml_doc_free(doc);
	CHECK(ftruncate(fd, YAML_MAX_BYTES + 1) == 0);
	CHECK_INT(yaml_load(&doc, path, &d), -E2BIG);
	close(fd);
	diags_free(&d);
}

static void diags_as_text(void)
{
	char shown[512];
	struct diags d = { 0 };
	FILE *f = fmemopen(shown, sizeof(shown), "w");

	diag_add(&d, "a\nb", 1, 2, "x %s",
		 "\x1b[31m\xff\xc3\xa4\xe2\x80\xae\xc0\xaf\xed\xa0\x80\xc2\x9b");
	diag_warn(&d, "c", 3, 0, "y");
	diag_warn(&d, "d", 0, 0, "z");
	CHECK_INT(d.errors, 1);
	diags_print(&d, f);
	fclose(f);
	CHECK_STR(
		shown,
		"a\\x0ab:1:2: x \\x1b[31m\\xff\xc3\xa4\\u{202E}\\xc0\\xaf\\xed\\xa0\\x80\\u{009B}\n"
		"c:3: warning: y\nd: warning: z\n");
	for (int i = 0; i < 2 * DIAGS_MAX; i++)
		diag_add(&d, "e", 1, 1, "again");
	CHECK_INT(d.count, DIAGS_MAX);
	CHECK_INT(d.dropped, DIAGS_MAX + 3);
	CHECK_INT(d.errors, 2 * DIAGS_MAX + 1);
	diags_free(&d);
	CHECK(!d.items && !d.count);
}

/* Errors are told before warnings where not all are. */
static void errors_before_warnings(void)
{
	struct diags d = { 0 }, all = { 0 };

	diag_add(&d, "a", 1, 1, "first");
	for (int i = 0; i < DIAGS_MAX + 5; i++)
		diag_warn(&d, "a", 2, 1, "warning %d", i);
	diag_add(&d, "a", 3, 1, "second");
	CHECK_INT(d.count, DIAGS_MAX);
	CHECK_INT(d.dropped, 7);
	CHECK_STR(d.items[DIAGS_MAX - 1].reason, "second");
	CHECK_STR(d.items[DIAGS_MAX - 2].reason, "warning 997");
	for (int i = 0; i < DIAGS_MAX; i++)
		diag_warn(&all, "b", 1, 1, "other");
	diags_take(&all, &d);
	CHECK_INT(all.count, DIAGS_MAX);
	CHECK_INT(all.errors, 2);
	CHECK_INT(all.dropped, DIAGS_MAX + 7);
	CHECK_INT(all.warnings, DIAGS_MAX - 2);
	CHECK_STR(all.items[DIAGS_MAX - 2].reason, "first");
	CHECK_STR(all.items[DIAGS_MAX - 1].reason, "second");
	diags_free(&all);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(tree),
		TEST(empty),
		TEST(refused),
		TEST(many_duplicates),
		TEST(limits),
		TEST(counted),
		TEST(counted_files),
		TEST(counted_place),
		TEST(counted_items),
		TEST(positions),
		TEST(files),
		TEST(diags_as_text),
		TEST(errors_before_warnings),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
