/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The tables of the kernel filter: every kind of pattern against a plain evaluation, on paths made
 * at random from few letters, so that they often nearly fit.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "pipeline/filter/tables.h"
#include "pipeline/policy/ops.h"
#include "pipeline/util.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

static uint64_t seed = 0x2545f4914f6cdd1dULL;

static uint32_t roll(uint32_t n)
{
	return random_below(&seed, n);
}

/* ---- the plain evaluation ---- */

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + 32);
}

static bool fits(const struct filter_pattern *p, const char *path)
{
	char text[4200], pattern[4200];
	struct str t, g;

	snprintf(text, sizeof(text), "%s", p->name ? strrchr(path, '/') + 1 : path);
	snprintf(pattern, sizeof(pattern), "%.*s", (int)p->text.len, p->text.p);
	if (p->icase && p->type != FILTER_GLOB) {
		lower(text);
		lower(pattern);
	}
	t = str_of(text);
	g = str_of(pattern);
	switch (p->type) {
	case FILTER_EXACT: return str_eq(t, g);
	case FILTER_PREFIX: return str_starts(t, g);
	case FILTER_SUFFIX: return t.len >= g.len && !memcmp(t.p + t.len - g.len, g.p, g.len);
	case FILTER_CONTAINS: return strstr(text, pattern) != NULL;
	default: return op_glob_match(g, t, p->icase);
	}
}

static bool any_fits(const struct filter_pattern *p, uint32_t n, const char *path)
{
	for (uint32_t i = 0; i < n; i++)
		if (fits(&p[i], path))
			return true;
	return false;
}

/* ---- made at random ---- */

static void random_name(char *to, uint32_t max)
{
	static const char letters[] = "abcA.";
	uint32_t n = 1 + roll(max);

	for (uint32_t i = 0; i < n; i++)
		to[i] = letters[roll(sizeof(letters) - 1)];
	to[n] = 0;
}

static void random_path(char *to)
{
	uint32_t n = 1 + roll(4);

	if (!roll(40)) {
		strcpy(to, "/");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		*to++ = '/';
		random_name(to, 4);
		to += strlen(to);
	}
}

/* Mostly a piece of some path. */
static void random_pattern(struct filter_pattern *p, char *text, bool exact_only)
{
	char path[128];
	uint32_t from, len;

	random_path(path);
	*p = (struct filter_pattern){ .type = (uint8_t)roll(5),
				      .icase = !roll(12),
				      .name = !roll(3) };
	if (exact_only)
		*p = (struct filter_pattern){ .type = (uint8_t)roll(4), .name = !roll(3) };
	from = p->type == FILTER_SUFFIX || p->type == FILTER_CONTAINS || p->name
		       ? roll((uint32_t)strlen(path))
		       : 0;
	len = p->type == FILTER_EXACT ? 100 : roll(6);
	snprintf(text, 64, "%.*s", (int)len, path + from);
	if (p->type == FILTER_GLOB)
		for (char *s = text; *s; s++)
			if (!roll(3))
				*s = "*?"[roll(2)];
	p->text = str_of(text);
}

enum { CLAUSES = 24, PATTERNS = 3 };

struct made {
	struct filter_clause clauses[CLAUSES];
	struct filter_pattern paths[CLAUSES][PATTERNS], not_paths[CLAUSES][PATTERNS];
	char texts[CLAUSES][2][PATTERNS][64];
	struct filter_range uids[CLAUSES][2];
	uint32_t count;
	bool exact; /* no glob, nothing of icase */
};

static void make(struct made *m, bool exact)
{
	memset(m, 0, sizeof(*m));
	m->count = 1 + roll(CLAUSES);
	m->exact = exact;
	for (uint32_t i = 0; i < m->count; i++) {
		struct filter_clause *c = &m->clauses[i];

		c->paths = m->paths[i];
		c->npaths = roll(20) ? 1 + roll(PATTERNS) : 0;
		c->not_paths = m->not_paths[i];
		c->nnot_paths = roll(4) ? 0 : 1 + roll(PATTERNS);
		for (uint32_t k = 0; k < PATTERNS; k++) {
			random_pattern(&m->paths[i][k], m->texts[i][0][k], exact);
			random_pattern(&m->not_paths[i][k], m->texts[i][1][k], exact);
		}
		c->access_any = (uint8_t)(roll(2) ? roll(8) : 0);
		c->types_any = (uint16_t)(roll(4) ? 0 : roll(1 << EV_FILETYPE_MAX));
		c->via_any = (uint8_t)(roll(4) ? 0 : roll(4));
		c->uids = m->uids[i];
		c->nuids = roll(3) ? 0 : 1 + roll(2);
		for (uint32_t k = 0; k < 2; k++) {
			m->uids[i][k].lo = roll(10);
			m->uids[i][k].hi = m->uids[i][k].lo + roll(4);
		}
	}
}

static bool in_ranges(const struct filter_range *r, uint32_t n, uint64_t v)
{
	for (uint32_t i = 0; i < n; i++)
		if (v >= r[i].lo && v <= r[i].hi)
			return true;
	return false;
}

static bool plain_wants(const struct made *m, const char *path, const struct filter_facts *f)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct filter_clause *c = &m->clauses[i];

		if (c->npaths && !any_fits(c->paths, c->npaths, path))
			continue;
		if (any_fits(c->not_paths, c->nnot_paths, path))
			continue;
		if (c->access_any && !(c->access_any >> f->access & 1))
			continue;
		if (c->types_any && !(c->types_any >> f->type & 1))
			continue;
		if (c->via_any && !(c->via_any & f->via))
			continue;
		if (!c->nuids || in_ranges(c->uids, c->nuids, f->uid))
			return true;
	}
	return false;
}

static void *tables(struct filter_request *req, struct filter_report *r)
{
	void *block = NULL;

	req->mode = FILTER_MODE_ON;
	if (!req->max_bytes)
		req->max_bytes = 1 << 20;
	CHECK_INT(filter_tables_make(&block, req, r), 0);
	return block;
}

/* Exact patterns: the same answer. Globs and letters of both cases: never less. */
static void compare(bool exact, uint32_t rounds)
{
	static struct made m;
	uint32_t wanted = 0, sent = 0, total = 0;

	for (uint32_t i = 0; i < rounds; i++) {
		struct filter_request req = { 0 };
		struct filter_report r;
		CLEANUP_FREE void *block = NULL;

		make(&m, exact);
		req.kinds[EV_OPEN] = (struct filter_clauses){ m.clauses, m.count };
		block = tables(&req, &r);
		for (uint32_t k = 0; k < 300; k++, total++) {
			struct filter_facts f = {
				.access = (uint8_t)roll(3),
				.type = (uint8_t)(1 + roll(8)),
				.via = (uint8_t)(1 + roll(2)),
				.uid = roll(14),
			};
			char path[128];
			struct filter_event e = { .kind = EV_OPEN, .path = path, .facts = &f };
			bool want, send;

			random_path(path);
			want = plain_wants(&m, path, &f);
			send = filter_tables_wants(block, req.max_bytes, &e);
			if (want && !send)
				test_fail(__FILE__, __LINE__, "round %u: %s is not sent", i, path);
			if (exact && !r.relaxed && send != want)
				test_fail(__FILE__, __LINE__, "round %u: %s is sent", i, path);
			wanted += want;
			sent += send;
		}
	}
	printf("# wanted %u, sent %u of %u\n", wanted, sent, total);
	CHECK(wanted > total / 20 && sent < total - total / 20);
}

static void exact_patterns_give_the_plain_answer(void)
{
	compare(true, 3000);
}

static void other_patterns_give_no_less(void)
{
	compare(false, 3000);
}

/* ---- one by one ---- */

static bool sends(const struct filter_pattern *p, uint32_t n, const char *path)
{
	struct filter_clause c = { .paths = p, .npaths = n };
	struct filter_request req = { .kinds[EV_OPEN] = { &c, 1 } };
	struct filter_facts f = { 0 };
	struct filter_event e = { .kind = EV_OPEN, .path = path, .facts = &f };
	CLEANUP_FREE void *block = tables(&req, NULL);

	return filter_tables_wants(block, req.max_bytes, &e);
}

static bool one(uint8_t type, bool name, bool icase, const char *text, const char *path)
{
	struct filter_pattern p = { str_of(text), type, icase, name };

	return sends(&p, 1, path);
}

static void each_pattern_type(void)
{
	CHECK(one(FILTER_EXACT, 0, 0, "/etc/shadow", "/etc/shadow"));
	CHECK(!one(FILTER_EXACT, 0, 0, "/etc/shadow", "/etc/shadow-"));
	CHECK(!one(FILTER_EXACT, 0, 0, "/etc/shadow", "/chroot/etc/shadow"));
	CHECK(!one(FILTER_EXACT, 0, 0, "/etc/shadow", "/etc/Shadow"));
	CHECK(one(FILTER_EXACT, 0, 1, "/etc/shadow", "/etc/Shadow"));
	CHECK(one(FILTER_EXACT, 0, 0, "/", "/"));
	CHECK(one(FILTER_PREFIX, 0, 0, "/etc/", "/etc/a"));
	CHECK(!one(FILTER_PREFIX, 0, 0, "/etc/", "/etc"));
	CHECK(one(FILTER_PREFIX, 0, 0, "", "/x"));
	CHECK(one(FILTER_SUFFIX, 0, 0, ".key", "/a/b.key"));
	CHECK(!one(FILTER_SUFFIX, 0, 0, ".key", "/a/b.keys"));
	CHECK(one(FILTER_CONTAINS, 0, 0, "/.ssh/", "/root/.ssh/id"));
	CHECK(!one(FILTER_CONTAINS, 0, 0, "/.ssh/", "/root/.ssh"));
	CHECK(one(FILTER_EXACT, 1, 0, "passwd", "/a/passwd"));
	CHECK(!one(FILTER_EXACT, 1, 0, "passwd", "/passwd/a"));
	CHECK(!one(FILTER_EXACT, 1, 0, "passwd", "/a/xpasswd"));
	CHECK(one(FILTER_PREFIX, 1, 0, "id_", "/a/id_rsa"));
	CHECK(!one(FILTER_PREFIX, 1, 0, "id_", "/id_a/rsa"));
	CHECK(one(FILTER_CONTAINS, 1, 0, "core", "/a/xcorex"));
	CHECK(!one(FILTER_CONTAINS, 1, 0, "core", "/core/x"));
	CHECK(one(FILTER_GLOB, 0, 0, "/home/*/.ssh/*", "/home/u/.ssh/k"));
	CHECK(!one(FILTER_GLOB, 0, 0, "/home/*/.ssh/*", "/srv/u"));
	CHECK(one(FILTER_GLOB, 0, 0, "/a[]x]b\\*c", "/a]b*c"));
	CHECK(!one(FILTER_GLOB, 0, 0, "/a\\*c", "/abc"));
	CHECK(one(FILTER_GLOB, 1, 0, "*.so.?", "/l/x.so.1"));
	CHECK(one(FILTER_GLOB, 0, 0, "*", "/x"));
}

/* A text inside another, and one that begins inside the other's mismatch. */
static void overlapping_texts(void)
{
	static const struct filter_pattern p[] = {
		{ STR("/aab"), FILTER_PREFIX, 0, 0 },
		{ STR("ab/c"), FILTER_CONTAINS, 0, 0 },
		{ STR("/aab/cd"), FILTER_EXACT, 0, 0 },
		{ STR("b"), FILTER_SUFFIX, 0, 0 },
	};

	CHECK(sends(&p[1], 3, "/aab/ce"));
	CHECK(sends(&p[2], 2, "/aab/cd"));
	CHECK(!sends(&p[2], 2, "/aab/cde"));
	CHECK(sends(&p[3], 1, "/aab"));
	CHECK(!sends(&p[3], 1, "/aaba"));
	CHECK(sends(p, 4, "/aabx"));
}

static void deep_and_long_paths_are_wanted(void)
{
	static char path[6000];

	for (int i = 0; i < FILTER_COMPONENTS; i++)
		strcat(path, "/a");
	CHECK(!one(FILTER_EXACT, 0, 0, "/x", path));
	strcat(path, "/a");
	CHECK(one(FILTER_EXACT, 0, 0, "/x", path));
	memset(path + 1, 'a', EV_PATH_MAX);
	CHECK(one(FILTER_EXACT, 0, 0, "/x", path));
}

static void kinds_without_tables(void)
{
	struct filter_clause any = { 0 };
	struct filter_request req = { .kinds[EV_CONNECT] = { &any, 1 } };
	struct filter_report r;
	CLEANUP_FREE void *block = tables(&req, &r);
	const struct filter_block *h = block;

	CHECK_INT(h->kinds[EV_OPEN], FILTER_KIND_NONE);
	CHECK_INT(h->kinds[EV_CONNECT], FILTER_KIND_ALL);
	CHECK_INT(h->kinds[EV_ACCEPT], FILTER_KIND_NONE);
	CHECK_INT(h->kinds[EV_FORK], FILTER_KIND_ALL);
	CHECK(r.all & 1ULL << EV_CONNECT && !(r.all & 1ULL << EV_OPEN));
}

/* More conditions than bits, and more than all buckets hold. */
static void many_joins(void)
{
	enum { N = 3000 };
	static struct filter_clause c[N];
	static struct filter_range r[N];
	static struct filter_pattern p[N];
	static char names[N][24];
	struct filter_request req = { .kinds[EV_OPEN] = { c, 0 } };

	for (uint32_t n = 1; n <= N; n *= n == 1 ? 500 : 6) {
		CLEANUP_FREE void *block = NULL;
		uint32_t more = 0;

		for (uint32_t i = 0; i < n; i++) {
			snprintf(names[i], sizeof(names[i]), "/f%u/", i);
			p[i] = (struct filter_pattern){ str_of(names[i]), FILTER_PREFIX, 0, 0 };
			r[i] = (struct filter_range){ i, i };
			c[i] = (struct filter_clause){
				.paths = &p[i], .npaths = 1, .uids = &r[i], .nuids = 1
			};
		}
		req.kinds[EV_OPEN].count = n;
		req.max_bytes = 4 << 20;
		block = tables(&req, NULL);
		for (uint32_t i = 0; i < n; i++) {
			struct filter_facts f = { .uid = i };
			char path[40];
			struct filter_event e = { .kind = EV_OPEN, .path = path, .facts = &f };

			snprintf(path, sizeof(path), "/f%u/x", i);
			CHECK(filter_tables_wants(block, req.max_bytes, &e));
			f.uid = N + 1;
			more += filter_tables_wants(block, req.max_bytes, &e);
		}
		printf("# %u joins: %u too many\n", n, more);
		CHECK(n > 900 || !more);
		CHECK(more < n);
	}
}

/* However little room there is, nothing that is wanted is missed. */
static void too_little_room(void)
{
	enum { N = 20000 };
	static struct filter_clause c[N];
	static struct filter_pattern p[N];
	static char names[N][64];
	struct filter_request req = { .kinds[EV_OPEN] = { c, N } };
	struct filter_report r;

	for (uint32_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "/opt/%08x/%08x/data", i * 2654435761u,
			 i * 40503u);
		p[i] = (struct filter_pattern){ str_of(names[i]), (uint8_t)(i % 4), 0, 0 };
		c[i] = (struct filter_clause){ .paths = &p[i], .npaths = 1 };
	}
	for (req.max_bytes = FILTER_BYTES_MIN; req.max_bytes <= FILTER_BYTES_MAX;
	     req.max_bytes *= 4) {
		CLEANUP_FREE void *block = tables(&req, &r);

		printf("# %zu KiB: cut %u, %u states, all %llx\n", req.max_bytes >> 10, r.cut,
		       r.states, (unsigned long long)r.all);
		for (uint32_t i = 0; i < N; i++) {
			struct filter_facts f = { 0 };
			struct filter_event e = { .kind = EV_OPEN, .path = names[i], .facts = &f };

			CHECK(filter_tables_wants(block, req.max_bytes, &e));
		}
	}
	CHECK(!r.cut && !(r.all >> EV_OPEN & 1));
}

static struct filter_net net_of(const char *text)
{
	struct filter_net net = { .family = strchr(text, ':') ? 6 : 4 };
	const char *slash = strchr(text, '/');
	char address[64];

	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	net.bits = (uint8_t)atoi(slash + 1);
	CHECK_INT(inet_pton(net.family == 4 ? AF_INET : AF_INET6, address, net.addr), 1);
	return net;
}

static bool in_net(const struct ev_ip *ip, const struct filter_net *n)
{
	uint32_t whole = n->bits / 8, rest = n->bits % 8;

	return n->family == ip->family && !memcmp(n->addr, ip->addr, whole) &&
	       (!rest || !((n->addr[whole] ^ ip->addr[whole]) >> (8 - rest)));
}

static void networks(void)
{
	static const char *const nets[] = { "10.0.0.0/8",  "10.1.0.0/16", "0.0.0.0/1",
					    "255.0.0.0/8", "fd00::/8",    "2001:db8::1/128",
					    "::/2" };
	static const uint8_t families[] = { EV_FAMILY_IPV4, EV_FAMILY_IPV6, EV_FAMILY_UNIX };
	struct filter_net net[ARRAY_LEN(nets)];
	struct filter_range ports[] = { { 443, 443 }, { 8000, 8100 } };
	uint32_t wanted = 0;

	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		net[i] = net_of(nets[i]);
	for (uint32_t round = 0; round < 300; round++) {
		struct filter_clause c[4] = { 0 };
		struct filter_request req = { .kinds[EV_CONNECT] = { c, 1 + roll(4) } };
		CLEANUP_FREE void *block = NULL;

		for (uint32_t i = 0; i < req.kinds[EV_CONNECT].count; i++) {
			c[i].peers = &net[roll(ARRAY_LEN(nets))];
			c[i].npeers = roll(6) ? 1 : 0;
			c[i].ports = ports;
			c[i].nports = roll(3);
			c[i].families_any =
				roll(3) ? 0 : (uint8_t)(1u << families[roll(ARRAY_LEN(families))]);
		}
		block = tables(&req, NULL);
		for (uint32_t k = 0; k < 500; k++) {
			struct ev_ip ip = { .family = roll(2) ? 4 : 6 };
			struct filter_facts f = { .port = roll(2) ? 443 : 8050 + roll(100) };
			struct filter_event e = { .kind = EV_CONNECT, .peer = &ip, .facts = &f };
			const struct filter_net *like = &net[roll(ARRAY_LEN(nets))];
			bool want = false;

			memcpy(ip.addr, like->addr, 16);
			ip.family = like->family;
			f.family = ip.family == 4 ? EV_FAMILY_IPV4 : EV_FAMILY_IPV6;
			ip.addr[roll(ip.family == 4 ? 4 : 16)] ^= (uint8_t)roll(256);
			for (uint32_t i = 0; i < req.kinds[EV_CONNECT].count && !want; i++)
				want = (!c[i].npeers || in_net(&ip, c[i].peers)) &&
				       (!c[i].nports || in_ranges(ports, c[i].nports, f.port)) &&
				       (!c[i].families_any || c[i].families_any >> f.family & 1);
			CHECK_INT(filter_tables_wants(block, req.max_bytes, &e), want);
			wanted += want;
		}
	}
	printf("# wanted %u of 150000\n", wanted);
	CHECK(wanted > 15000 && wanted < 135000);
}

/* Two halves of a network are one interval, and what families exclude is in no mask of theirs. */
static void few_intervals(void)
{
	static const struct filter_net net[] = { { { 10 }, 4, 9 }, { { 10, 128 }, 4, 9 } };
	const struct filter_range port = { 22, 22 };
	struct filter_clause c[] = { { .peers = net, .npeers = 2, .ports = &port, .nports = 1 },
				     { .families_any = 1 << EV_FAMILY_UNIX } };
	struct filter_request req = { .kinds[EV_CONNECT] = { c, 2 } };
	CLEANUP_FREE void *block = tables(&req, NULL);
	const struct filter_block *h = block;

	CHECK_INT(h->connect.nv4, 3);
	CHECK_INT(h->connect.nv6, 1);
	CHECK_INT(*(const uint64_t *)((const char *)block + h->connect.v4 + 16), 0);
	CHECK(h->connect.none);
}

static void peers_without_address(void)
{
	static const struct filter_net net = { { 10 }, 4, 8 };
	struct filter_clause c[2] = { { .peers = &net, .npeers = 1 },
				      { .families_any = 1 << EV_FAMILY_UNIX } };
	struct filter_request req = { .kinds[EV_ACCEPT] = { c, 2 } };
	struct filter_facts f = { .family = EV_FAMILY_UNIX, .port = ~0u };
	struct ev_ip ip = { .family = 0 };
	struct filter_event e = { .kind = EV_ACCEPT, .peer = &ip, .facts = &f };
	CLEANUP_FREE void *block = tables(&req, NULL), *one = NULL;

	CHECK(filter_tables_wants(block, req.max_bytes, &e));
	req.kinds[EV_ACCEPT].count = 1;
	one = tables(&req, NULL);
	CHECK(!filter_tables_wants(one, req.max_bytes, &e));
	e.peer_unknown = true;
	CHECK(filter_tables_wants(one, req.max_bytes, &e));
}

/* Cgroups and programs: in all that is asked, in none that is excluded; unknown passes. */
static void cgroups_and_marks(void)
{
	static const struct filter_pattern sh = { STR("/bin/sh"), FILTER_EXACT, 0, 0 };
	static const struct filter_program programs[] = { { &sh, 1, FILTER_SELF, true },
							  { &sh, 1, FILTER_ANCESTOR, false } };
	static const struct filter_cgroups groups[] = { { 3, false }, { 5, true } };
	struct filter_clause c = {
		.programs = programs, .nprograms = 2, .cgroups = groups, .ncgroups = 2
	};
	struct filter_request req = { .kinds[EV_OPEN] = { &c, 1 } };
	struct filter_facts f = { 0 };
	struct filter_event e = { .kind = EV_OPEN, .path = "/x", .facts = &f };
	CLEANUP_FREE void *block = tables(&req, NULL);
	uint64_t mark = filter_tables_mask(block, req.max_bytes, true, "/bin/sh");

	CHECK(mark && !filter_tables_mask(block, req.max_bytes, true, "/bin/shx"));
	CHECK(filter_tables_wants(block, req.max_bytes, &e));
	f.cgroup_known = 1;
	CHECK(!filter_tables_wants(block, req.max_bytes, &e));
	f.cgroup = 1 << 3 | 1 << 5;
	CHECK(!filter_tables_wants(block, req.max_bytes, &e));
	f.cgroup = 1 << 3;
	CHECK(filter_tables_wants(block, req.max_bytes, &e));
	f.marks_known = 1;
	CHECK(!filter_tables_wants(block, req.max_bytes, &e));
	f.ancestors = mark;
	CHECK(filter_tables_wants(block, req.max_bytes, &e));
	f.self = mark;
	CHECK(!filter_tables_wants(block, req.max_bytes, &e));
}

/* Different paths have different signatures, also where only the border of names differs. */
static void signatures(void)
{
	static const char *const paths[] = {
		"/",
		"/a",
		"/a/b",
		"/b/a",
		"/ab",
		"/abcdefgh",
		"/abcdefgh/x",
		"/x/abcdefgh",
		"/abcdefghx",
		"/abcdefghabcdefgh",
		"/abcdefgh/abcdefgh",
		"/abcdefgha/bcdefgh",
	};
	struct filter_request req = { 0 };
	CLEANUP_FREE void *block = tables(&req, NULL), *other = tables(&req, NULL);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		uint64_t s = filter_tables_signature(block, paths[i]);

		CHECK(s && s == filter_tables_signature(block, paths[i]));
		CHECK(s != filter_tables_signature(other, paths[i]));
		for (size_t k = 0; k < i; k++)
			CHECK(s != filter_tables_signature(block, paths[k]));
	}
}

static const struct test tests[] = {
	TEST(exact_patterns_give_the_plain_answer),
	TEST(other_patterns_give_no_less),
	TEST(each_pattern_type),
	TEST(overlapping_texts),
	TEST(deep_and_long_paths_are_wanted),
	TEST(kinds_without_tables),
	TEST(many_joins),
	TEST(too_little_room),
	TEST(networks),
	TEST(few_intervals),
	TEST(peers_without_address),
	TEST(cgroups_and_marks),
	TEST(signatures),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
