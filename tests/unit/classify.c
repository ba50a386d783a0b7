/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Which cgroups the kernel filter is told of, and when.
 */
#include "pipeline/filter/classify.h"
#include "bpf/filter_abi.h"
#include "pipeline/filter/derive.h"
#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/test.h"

struct told {
	struct buf text; /* a word a call */
	int rc;
	uint32_t epoch;
};

static int tell(void *arg, uint32_t hierarchy, uint64_t id, const struct filter_cgroup *said)
{
	uint32_t epoch = (uint32_t)(said->stamp >> 32);
	struct told *t = arg;

	buf_addf(&t->text, "tell(%u,%llu,%llx,%u", hierarchy, (unsigned long long)id,
		 (unsigned long long)said->bits, (uint32_t)said->stamp);
	if (epoch)
		buf_addf(&t->text, ",%u", epoch);
	buf_addf(&t->text, ") ");
	return t->rc;
}

static void forget(void *arg, uint32_t hierarchy, uint64_t id)
{
	struct told *t = arg;

	buf_addf(&t->text, "forget(%u,%llu) ", hierarchy, (unsigned long long)id);
}

static uint32_t epoch(void *arg)
{
	return ((struct told *)arg)->epoch;
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
	CHECK_INT(classify_new(&b->c, &(struct classify_cfg){ tell, forget, epoch, &b->told }), 0);
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

static void saw_version(struct bench *b, uint64_t version, struct made *m)
{
	struct event *e = made_event(m);

	e->version[CTX_CGROUP] = version;
	classify_event(b->c, e);
	made_free(m);
}

static void changed(struct bench *b, uint64_t id)
{
	struct made *m = made_new("cgroup.change");

	REC(&m->rec, cgroup)->id = id;
	saw(b, m);
}

static void renamed(struct bench *b, uint32_t hierarchy, uint64_t id, uint32_t number)
{
	struct made *m = made_new("cgroup.change");

	REC(&m->rec, cgroup)->id = id;
	REC(&m->rec, cgroup)->hierarchy = hierarchy;
	REC(&m->rec, cgroup)->renamed = 1;
	REC(&m->rec, cgroup)->epoch = (uint16_t)number;
	saw(b, m);
}

static void lost(struct bench *b, uint16_t kind)
{
	struct made *m = made_new("pipeline.loss");

	REC(&m->rec, loss)->lost_kind = kind;
	saw(b, m);
}

static struct made *opened_v1(uint64_t cgroup, const char *path)
{
	struct made *m = opened(cgroup, path, NULL);

	m->rec.h.cgroup_hierarchy = 4;
	return m;
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

/* All, since the path of every one below the renamed one is another. */
static void renamed_all_below(void)
{
	struct bench b;
	char *at;

	start(&b, "process.cgroup.path startswith '/x/'");
	classify_use(b.c, b.f, 7);
	for (uint32_t i = 1; i <= 1000; i++)
		saw(&b, opened_v1(i, "/y"));
	saw(&b, opened(1, "/y", NULL));
	buf_reset(&b.told.text);
	renamed(&b, 4, 5000, 1);
	buf_char(&b.told.text, '\0');
	at = b.told.text.p;
	for (uint32_t i = 1; i <= 1000; i++) {
		char word[32];

		snprintf(word, sizeof(word), "forget(4,%u) ", i);
		CHECK(strstr(at, word));
	}
	CHECK(strstr(at, "forget(0,1) "));
	buf_reset(&b.told.text);
	saw(&b, opened_v1(3, "/x/y"));
	saw(&b, opened(1, "/y", NULL));
	check_told(&b, "tell(4,3,1,7,1) tell(0,1,0,7,1) ");
	stop(&b);
}

/* What is told is of the renames that were read, of which a record has the last 16 bits. */
static void epochs(void)
{
	struct bench b;

	start(&b, "process.cgroup.path startswith '/x/'");
	renamed(&b, 4, 5000, 3); /* before there is a filter */
	classify_use(b.c, b.f, 7);
	for (uint32_t n = 3; n < 200000; n += 40000) {
		renamed(&b, 4, 5000, n);
		buf_reset(&b.told.text);
		saw(&b, opened_v1(1, "/y"));
		buf_addf(&b.told.text, "%u", n);
		buf_char(&b.told.text, '\0');
		CHECK_INT(strtoul(b.told.text.p + strlen("tell(4,1,0,7,"), NULL, 10), n);
		CHECK_INT(strtoul(strchr(b.told.text.p, ' '), NULL, 10), n);
	}
	buf_reset(&b.told.text);
	classify_use(b.c, b.f, 8);
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "tell(4,1,0,8,160003) ");
	stop(&b);
}

/* Nothing is told until all was read that was renamed when the kernel was asked. */
static void lost_rename(void)
{
	struct bench b;

	start(&b, "process.cgroup.path startswith '/x/'");
	classify_use(b.c, b.f, 7);
	saw(&b, opened_v1(1, "/y"));
	lost(&b, EV_OPEN);
	classify_settled(b.c);
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "tell(4,1,0,7) ");
	b.told.epoch = 5;
	lost(&b, EV_CGROUP);
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "forget(4,1) ");
	classify_settled(b.c); /* asks; a record may be on its way */
	saw(&b, opened_v1(1, "/y"));
	lost(&b, EV_NONE);
	classify_settled(b.c);
	b.told.epoch = 6;
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "");
	classify_settled(b.c);
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "tell(4,1,0,7,5) ");
	renamed(&b, 4, 5000, 6);
	saw(&b, opened_v1(1, "/y"));
	check_told(&b, "forget(4,1) tell(4,1,0,7,6) ");
	stop(&b);
}

/* What the enricher asked for again is judged again. */
static void found_anew(void)
{
	struct bench b;

	start(&b, "process.cgroup.path startswith '/x/'");
	classify_use(b.c, b.f, 7);
	saw_version(&b, 1, opened(5, "/y", NULL));
	saw_version(&b, 1, opened(5, "/y", NULL));
	check_told(&b, "tell(0,5,0,7) ");
	saw_version(&b, 2, opened(5, "/x/y", NULL));
	saw_version(&b, 2, opened(5, "/x/y", NULL));
	check_told(&b, "tell(0,5,1,7) ");
	saw_version(&b, 3, opened(5, NULL, NULL));
	saw_version(&b, 3, opened(5, NULL, NULL));
	check_told(&b, "forget(0,5) ");
	saw_version(&b, 4, opened(5, "/y", NULL));
	b.told.rc = -28;
	saw_version(&b, 5, opened(5, "/x/y", NULL));
	check_told(&b, "tell(0,5,0,7) tell(0,5,1,7) forget(0,5) ");
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
	CHECK(strstr(b.told.text.p, "forget(0,16384) ")); /* or nobody would, when it is renamed */
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

static const struct test tests[] = {
	TEST(each_once), TEST(renamed_all_below), TEST(epochs), TEST(lost_rename), TEST(found_anew),
	TEST(many),      TEST(nothing_to_tell),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
