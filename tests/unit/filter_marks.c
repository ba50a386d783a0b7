/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Marks of running processes by the texts of the process table: no pattern that fits a program may
 * be missed, of whatever kind its file is, and for ordinary ones they are those of the kernel.
 */
#include "bpf/filter_abi.h"
#include "pipeline/filter/marks.h"
#include "pipeline/filter/pattern.h"
#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/probe.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { BYTES = FILTER_BYTES_MIN, ROUNDS = 4000 };

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t roll(uint32_t n)
{
	return random_below(&seed, n);
}

/* A block that asks for each pattern in a mark of its own. */
static void *block_of(const struct filter_pattern *p, uint32_t n, uint32_t generation)
{
	struct filter_program asked[8];
	struct filter_clause c[8] = { 0 };
	struct filter_request req = {
		.kinds[EV_OPEN] = { c, n },
		.mode = FILTER_MODE_ON,
		.generation = generation,
		.max_bytes = BYTES,
	};
	void *block = NULL;

	CHECK(n <= 8);
	for (uint32_t i = 0; i < n; i++) {
		asked[i] = (struct filter_program){ &p[i], 1, FILTER_SELF, false };
		c[i].programs = &asked[i];
		c[i].nprograms = 1;
	}
	CHECK_INT(filter_tables_make(&block, &req, NULL), 0);
	return block;
}

static uint64_t marks(const void *block, const char *text, bool *odd)
{
	struct marker *m = marker_new(block, BYTES);
	struct filter_processes none;
	uint64_t found;

	CHECK(m);
	found = marker_program(m, str_of(text), odd);
	CHECK_INT(marker_program(m, str_of(text), odd), found); /* kept */
	marker_end(m, &none);
	CHECK(!none.keys && !none.count);
	return found;
}

/* ---- against a plain evaluation ---- */

enum file { ORDINARY, DELETED, PSEUDO, FILES };

static void random_text(char *to, enum file what)
{
	uint32_t depth = 1 + roll(4);
	char *p = to;

	if (what == PSEUDO)
		p += sprintf(p, "memfd:");
	for (uint32_t i = 0; i < depth; i++) {
		if (what != PSEUDO || i)
			*p++ = '/';
		for (uint32_t k = 1 + roll(3); k; k--)
			*p++ = "aB.b"[roll(4)];
		if (what == PSEUDO && roll(2))
			break;
	}
	*p = 0;
	if (what == DELETED)
		sprintf(p, " (deleted)");
}

/* process.name (enrichers/image.h) */
static struct str name_of(const char *text, enum file what)
{
	struct str s = str_of(text);

	if (what == PSEUDO)
		return s;
	if (what == DELETED)
		s.len -= (uint32_t)strlen(" (deleted)");
	return str_base(s);
}

/* Made of a piece of the text, so that it often fits. */
static void random_pattern(struct filter_pattern *p, char *to, const char *text, enum file what)
{
	struct str like, name = name_of(text, what);
	uint32_t from, n;

	*p = (struct filter_pattern){ .type = (uint8_t)roll(5),
				      .icase = !roll(4),
				      .name = roll(2) };
	like = p->name ? name : str_of(text);
	from = p->type == FILTER_SUFFIX || p->type == FILTER_CONTAINS ? roll(like.len) : 0;
	n = like.len - from;
	if (p->type == FILTER_PREFIX || p->type == FILTER_CONTAINS)
		n = 1 + roll(n);
	memcpy(to, like.p + from, n);
	to[n] = 0;
	if (p->type == FILTER_GLOB)
		to[roll(n)] = '*';
	else if (!roll(4))
		to[roll(n)] ^= 1;
	p->text = str_of(to);
}

static void no_pattern_is_missed(void)
{
	uint32_t fit[FILES] = { 0 }, set[FILES] = { 0 };
	char text[128], pattern[128];
	struct filter_pattern p;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		enum file what = i % FILES;
		bool odd, fits;
		uint64_t found;
		void *block;

		random_text(text, what);
		random_pattern(&p, pattern, text, what);
		block = block_of(&p, 1, 1);
		found = marks(block, text, &odd);
		fits = pattern_fits(&p, p.name ? name_of(text, what) : str_of(text));
		fit[what] += fits;
		set[what] += found != 0;
		if (fits && !found)
			test_fail(__FILE__, __LINE__, "%s: %s of type %d, name %d, icase %d", text,
				  pattern, p.type, p.name, p.icase);
		CHECK_INT(odd, what != ORDINARY);
		if (what == ORDINARY)
			CHECK_INT(found, filter_tables_mask(block, BYTES, true, text));
		free(block);
	}
	for (int k = 0; k < FILES; k++) {
		printf("# file %d: %u fit, %u marked\n", k, fit[k], set[k]);
		CHECK(fit[k] > ROUNDS / 6 && set[k] < ROUNDS / FILES - ROUNDS / 40);
	}
}

/* A program in memory whose name has no '/' is none of the others: nothing below it would be filtered. */
static void in_memory(void)
{
	static const struct filter_pattern p[] = { { STR("bash"), FILTER_EXACT, false, true },
						   { STR("memfd:x"), FILTER_EXACT, false, true },
						   { STR("memfd:"), FILTER_PREFIX, false, false } };
	void *block = block_of(p, 3, 1);
	uint64_t bash, x, first, both;
	bool odd;

	bash = marks(block, "/bin/bash", &odd);
	x = marks(block, "memfd:x", &odd);
	first = marks(block, "memfd:sealed", &odd);
	CHECK(bash && x && first && x != first && (x & first) == first && !(bash & x));
	CHECK(odd);
	both = marks(block, "memfd:runc/x (deleted)", &odd);
	CHECK(odd && both == (bash | x));
	free(block);
}

/* ---- of processes ---- */

static void a_process(void)
{
	static const struct filter_pattern p[] = { { STR("/a"), FILTER_EXACT, false, false },
						   { STR("/b"), FILTER_EXACT, false, false },
						   { STR("/c"), FILTER_EXACT, false, false } };
	void *block = block_of(p, 3, 9);
	uint64_t a, b, c;
	struct str near[] = { STR("/b"), STR(""), STR("/x") };
	struct running r = { .pid = 7,
			     .start_ns = 70,
			     .exec_id = 700,
			     .known = true,
			     .whole = true,
			     .executable = STR("/a"),
			     .near = near,
			     .nnear = 3,
			     .above = { "/y\0/c\0/y", 9 } };
	struct marker *m = marker_new(block, BYTES);
	struct filter_processes l;
	bool odd;

	a = marks(block, "/a", &odd);
	b = marks(block, "/b", &odd);
	c = marks(block, "/c", &odd);
	CHECK(a && b && c && !(a & b) && !(a & c) && !(b & c));
	marker_add(m, &r);
	r.nnear = 0;
	r.executable = (struct str){ 0 }; /* a kernel thread's */
	marker_add(m, &r);
	r.known = false;
	marker_add(m, &r);
	r.known = true;
	r.whole = false;
	r.executable = STR("/a (deleted)");
	marker_add(m, &r);
	marker_end(m, &l);
	CHECK_INT(l.count, 4);
	CHECK_INT(l.keys[0].tgid, 7);
	CHECK_INT(l.keys[0].start_ns, 70);
	CHECK_INT(l.values[0].exec_id, 700);
	CHECK_INT(l.values[0].generation, 9);
	CHECK_INT(l.values[0].self, a);
	CHECK_INT(l.values[0].ancestors, b | c);
	CHECK_INT(l.values[0].known, FILTER_LINE_SELF | FILTER_LINE_ANCESTORS);
	CHECK_INT(l.values[1].self, 0);
	CHECK_INT(l.values[1].ancestors, c);
	CHECK_INT(l.values[1].known, FILTER_LINE_SELF | FILTER_LINE_ANCESTORS);
	CHECK_INT(l.values[2].known, FILTER_LINE_ANCESTORS);
	CHECK_INT(l.values[3].known, FILTER_LINE_SELF | FILTER_MAYBE);
	CHECK_INT(l.values[3].self & a, a);
	free(l.keys);
	free(l.values);
	free(block);
}

/* Those that find no room are the kernel's to look at. */
static void more_than_there_is_room_for(void)
{
	static const struct filter_pattern p = { STR("/a"), FILTER_EXACT, false, false };
	void *block = block_of(&p, 1, 1);
	struct marker *m = marker_new(block, BYTES);
	struct filter_processes l;

	for (uint32_t i = 0; i < FILTER_PROCESSES + 10; i++)
		marker_add(m,
			   &(struct running){ .pid = i, .known = true, .executable = STR("/a") });
	marker_end(m, &l);
	CHECK_INT(l.count, FILTER_PROCESSES);
	for (uint32_t i = 0; i < l.count; i++)
		CHECK(l.keys[i].tgid == i && l.values[i].self);
	free(l.keys);
	free(l.values);
	free(block);
}

static const struct test tests[] = {
	TEST(no_pattern_is_missed),
	TEST(in_memory),
	TEST(a_process),
	TEST(more_than_there_is_room_for),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
