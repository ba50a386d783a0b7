/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Which cgroups the kernel filter is told of, and when.
 */
#include "pipeline/filter/classify.h"
#include "pipeline/filter/derive.h"
#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/test.h"

struct told {
	struct buf text; /* a word a call */
	int rc;
};

static int tell(void *arg, uint32_t hierarchy, uint64_t id, uint64_t sets, uint32_t generation)
{
	struct told *t = arg;

	buf_addf(&t->text, "tell(%u,%llu,%llx,%u) ", hierarchy, (unsigned long long)id,
		 (unsigned long long)sets, generation);
	return t->rc;
}

static void forget(void *arg, uint32_t hierarchy, uint64_t id)
{
	struct told *t = arg;

	buf_addf(&t->text, "forget(%u,%llu) ", hierarchy, (unsigned long long)id);
}

struct bench {
	struct policy_set *set;
	struct filter *f;
	struct classify *c;
	struct told told;
};

static void start(struct bench *b, const char *where)
{
	char text[1000];

	memset(b, 0, sizeof(*b));
	snprintf(text, sizeof(text), "policies:\n- name: p\n  on: file.open\n  where: %s\n", where);
	b->set = policies_good(text);
	CHECK_INT(filter_derive(&b->f, b->set, 0), 0);
	CHECK_INT(classify_new(&b->c, &(struct classify_cfg){ tell, forget, &b->told }), 0);
}

static void stop(struct bench *b)
{
	classify_free(b->c);
	filter_free(b->f);
	policy_free(b->set);
	buf_free(&b->told.text);
}

static void check_told(struct bench *b, const char *want)
{
	buf_char(&b->told.text, '\0');
	CHECK_STR(b->told.text.p, want);
	buf_reset(&b->told.text);
}

static struct made *opened(uint64_t cgroup, const char *path, const char *container)
{
	struct made *m = made_new("file.open");

	m->rec.h.cgroup_id = cgroup;
	CHECK(made_set(m, "file.path", "/a"));
	if (path)
		CHECK(made_set(m, "process.cgroup.path", path));
	if (container)
		CHECK(made_set(m, "container.id", container));
	return m;
}

static void saw(struct bench *b, struct made *m)
{
	classify_event(b->c, made_event(m));
	made_free(m);
}

static void changed(struct bench *b, uint64_t id)
{
	struct made *m = made_new("cgroup.change");

	REC(&m->rec, cgroup)->id = id;
	saw(b, m);
}

static void each_once(void)
{
	struct bench b;

	start(&b, "container.id exists and not process.cgroup.path startswith '/x/'");
	saw(&b, opened(5, "/docker/c", "c"));
	check_told(&b, ""); /* nobody asked yet */
	classify_use(b.c, b.f, 7);
	saw(&b, opened(5, NULL, NULL));
	check_told(&b, ""); /* its path is not known */
	saw(&b, opened(5, "/docker/c", "c"));
	saw(&b, opened(5, "/docker/c", "c"));
	saw(&b, opened(6, "/x/y", NULL));
	saw(&b, opened(0, "/x/y", NULL));
	check_told(&b, "tell(0,5,1,7) tell(0,6,2,7) ");
	changed(&b, 5);
	changed(&b, 99);
	check_told(&b, "forget(0,5) ");
	saw(&b, opened(5, "/x/c", "c"));
	check_told(&b, "tell(0,5,3,7) ");
	classify_use(b.c, b.f, 8);
	saw(&b, opened(6, "/x/y", NULL));
	check_told(&b, "tell(0,6,2,8) ");
	b.told.rc = -28;
	saw(&b, opened(8, "/x/y", NULL));
	saw(&b, opened(8, "/x/y", NULL));
	check_told(&b, "tell(0,8,2,8) tell(0,8,2,8) ");
	classify_use(b.c, NULL, 9);
	saw(&b, opened(9, "/x/y", NULL));
	check_told(&b, "");
	stop(&b);
}

/* More cgroups than are remembered: told again, none left out. */
static void many(void)
{
	struct bench b;

	start(&b, "container.id exists");
	classify_use(b.c, b.f, 1);
	for (uint32_t i = 1; i <= 20000; i++)
		saw(&b, opened(i, "/docker/c", "c"));
	saw(&b, opened(1, "/docker/c", "c"));
	buf_char(&b.told.text, '\0');
	CHECK(strstr(b.told.text.p, "tell(0,20000,1,1) tell(0,1,1,1) "));
	stop(&b);
}

static void nothing_to_tell(void)
{
	struct bench b;

	start(&b, "file.path = '/a'");
	classify_use(b.c, b.f, 1);
	saw(&b, opened(5, "/docker/c", "c"));
	check_told(&b, "");
	stop(&b);
	classify_free(NULL);
}

static const struct test tests[] = { TEST(each_once), TEST(many), TEST(nothing_to_tell) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
