/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The clauses of the kernel filter: what is derived from single conditions, from many policies and
 * from the shipped ones, and the algebra behind it.
 */
#include <time.h>

#include "pipeline/filter/pattern.h"
#include "pipeline/filter/sets.h"
#include "tests/harness/clausetext.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/policies.h"
#include "tests/harness/policymaker.h"
#include "tests/harness/test.h"

struct one {
	struct policy_set *set;
	struct filter *f;
};

static struct one one_new(const char *kind, const char *where)
{
	static char text[65536];
	struct one o;

	snprintf(text, sizeof(text), "policies:\n- name: p\n  on: %s\n  where: >-\n    %s\n", kind,
		 where);
	o.set = policies_good(text);
	CHECK_INT(filter_derive(&o.f, o.set, 0), 0);
	return o;
}

static void one_free(struct one *o)
{
	filter_free(o->f);
	policy_free(o->set);
}

static void check_clauses(const char *kind, const char *where, const char *want)
{
	struct one o = one_new(kind, where);
	struct filter_clauses c = filter_clauses(o.f, schema_kind_by_name(str_of(kind))->kind);
	struct buf b = { 0 };

	if (c.count != 1 || c.items->types_any != 1 || c.items->families_any != 1)
		clauses_text(&b, c); /* else: no plain event */
	else
		buf_char(&b, '\0');
	if (strcmp(b.p, want))
		test_fail(__FILE__, __LINE__, "%s\ngives %s\nnot   %s", where, b.p, want);
	buf_free(&b);
	one_free(&o);
}

static void tests_of_opens(void)
{
	static const char *const cases[][2] = {
		{ "file.path = '/a'", "[ path:=/a ]" },
		{ "file.path != '/a'", "[ not:=/a ]" },
		{ "not file.path in ('/a', '/b')", "[ not:=/a|=/b ]" },
		{ "not file.path != '/a'", "[ path:=/a ]" },
		{ "file.path startswith '/a' or file.path endswith 'b'", "[ path:^/a|$b ]" },
		{ "file.path contains 'x' and file.path glob '*y'", "[ path:**y ]" },
		{ "file.path regex '^/etc/.*conf$'", "[ path:*/etc/*conf* ]" },
		{ "file.path regex 'a|b'", "[ ]" },
		{ "not file.path regex '^/etc/'", "[ ]" },
		{ "file.path exists", "[ ]" },
		{ "not file.path exists", "" },
		{ "file.path startswith '/etc/' and file.path endswith '/shadow'",
		  "[ path:*/etc/*/shadow|=/etc/shadow ]" },
		{ "file.path startswith '/etc/' and file.path in ('/etc/a', '/b')",
		  "[ path:=/etc/a ]" },
		{ "file.path startswith '/etc/' and file.path startswith '/usr/'", "" },
		{ "file.path endswith '/mem' and file.path regex '^/proc/[0-9]+/mem$'",
		  "[ path:*/proc/*/mem|=/proc/mem|*/proc/mem*/mem ]" },
		{ "file.path glob '*/a?c' and file.path startswith '/srv/'", "[ path:*/srv/*c ]" },
		{ "file.path startswith '/etc/' and not file.path startswith '/etc/ssl/'",
		  "[ path:^/etc/ not:^/etc/ssl/ ]" },
		{ "file.path in ('/a', '/b') and not file.path = '/a'", "[ path:=/b not:=/a ]" },
		{ "file.path = '/a' and not file.path startswith '/'", "" },
		{ "file.flags = 'O_WRONLY'", "[ access:a ]" },
		{ "not file.flags in ('O_WRONLY', 'O_RDWR')", "[ access:1 ]" },
		{ "not file.flags = 'O_RDONLY'", "[ access:e ][ flags:200000 ]" },
		{ "file.flags in ('O_RDWR', 'O_APPEND')", "[ access:c ][ flags:400 ]" },
		{ "file.flags != 'O_APPEND'", "[ ]" },
		{ "file.flags in ('O_APPEND', 'O_SYNC') and file.flags in ('O_SYNC', 'O_DIRECT')",
		  "[ flags:100400 ]" },
		{ "file.flags in ('O_APPEND', 'O_SYNC') and file.flags = 'O_SYNC'",
		  "[ flags:100000 ]" },
		{ "file.type = 'dir'", "[ type:4 ]" },
		{ "file.type in ('char_device', 'block_device') and file.type != 'char_device'",
		  "[ type:20 ]" },
		{ "file.mode = 04755", "[ mode:9ed ]" },
		{ "file.mode >= 02000", "[ mode:c00 ]" },
		{ "not file.mode = 0", "[ ]" },
		{ "event.outcome = 'success'", "[ ]" },
		{ "event.outcome = 'failure'", "" },
		{ "error.code = 'EACCES'", "" },
		{ "not error.code exists", "[ ]" },
		{ "file.path_flags contains 'detached'", "" },
		{ "file.path_flags contains 'foreign_namespace'", "[ ]" },
		{ "tocsin.io_uring and file.path startswith '/etc/'", "[ path:^/etc/ via:2 ]" },
		{ "not tocsin.io_uring", "[ via:1 ]" },
		{ "tocsin.io_uring or not tocsin.io_uring", "[ ]" },
		{ "process.args = 'x' and file.path = '/a'", "[ path:=/a ]" },
		{ "process.args = 'x' or file.path = '/a'", "[ ]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_clauses("file.open", cases[i][0], cases[i][1]);
}

/* Functions of a path, and texts without case. */
static void tests_of_functions(void)
{
	static const char *const cases[][2] = {
		{ "basename(file.path) = 'a'", "[ path:/=a ]" },
		{ "not basename(file.path) in ('a', 'b')", "[ not:/=a|/=b ]" },
		{ "not basename(file.path) glob '*'", "[ ]" },
		{ "extension(file.path) = 'conf'", "[ path:/$.conf ]" },
		{ "not extension(file.path) = 'conf'", "[ ]" },
		{ "extension(file.path) startswith 'c'", "[ path:/~.c ]" },
		{ "dirname(file.path) = '/etc'", "[ path:^/etc ]" },
		{ "dirname(file.path) endswith 'ssl'", "[ path:~ssl ]" },
		{ "dirname(file.path) glob '/home/*/.ssh'", "[ path:*/home/*/.ssh* ]" },
		{ "file.path icontains 'ABC'", "[ path:~abci ]" },
		{ "lower(file.path) endswith 'abc'", "[ path:$abci ]" },
		{ "lower(file.path) endswith ('Abc', 'x')", "[ path:$xi ]" },
		{ "lower(file.path) endswith 'Abc'", "" },
		{ "not lower(file.path) endswith 'Abc'", "[ ]" },
		{ "upper(basename(file.path)) = 'ABC'", "[ path:/=ABCi ]" },
		{ "lower(file.path) glob '*[A-Z]*'", "[ ]" },
		{ "file.path iregex '^/ETC/'", "[ path:^/ETC/i ]" },
		{ "any_ancestor(process.name) = 'sh'", "[ ancestor:/=sh ]" },
		{ "basename(process.executable) ieq 'SH'", "[ self:/=shi ]" },
		{ "basename(file.path) = process.name", "[ ]" },
		{ "length(file.path) > 5 and file.path = '/a'", "[ path:=/a ]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_clauses("file.open", cases[i][0], cases[i][1]);
}

static void tests_of_processes(void)
{
	static const char *const cases[][2] = {
		{ "process.name = 'sh'", "[ self:/=sh ]" },
		{ "not process.name in ('sh', 'bash')", "[ !self:/=bash|/=sh ]" },
		{ "process.name != 'sh'", "[ !self:/=sh ]" },
		{ "not process.name != 'sh'", "[ ]" },
		{ "process.executable startswith '/tmp/' or process.name startswith '.'",
		  "[ self:^/tmp/|/^. ]" },
		{ "process.executable exists", "[ ]" },
		{ "process.parent.name = 'sh'", "[ ancestor:/=sh ]" },
		{ "not process.parent.name = 'sh'", "[ ]" },
		{ "process.ancestor_names in ('dpkg', 'rpm')", "[ ancestor:/=dpkg|/=rpm ]" },
		{ "not process.ancestor_names = 'dpkg'", "[ ]" },
		{ "process.ancestor_names != 'dpkg'", "[ ]" },
		{ "user.id = 0", "[ ruid:0-0 ]" },
		{ "user.effective.id = 0 or user.effective.id = 2", "[ uid:0-0|2-2 ]" },
		{ "not user.effective.id in (1, 3)", "[ uid:0-0|2-2|4-4294967295 ]" },
		{ "user.effective.id >= 1000 and user.effective.id < 2000", "[ uid:1000-1999 ]" },
		{ "user.effective.id < 5 and user.effective.id > 5", "" },
		{ "user.effective.id >= 0", "[ ]" },
		{ "container.id exists", "[ cgroup:0 ]" },
		{ "not container.id exists and container.runtime = 'docker'",
		  "[ cgroup:0 !cgroup:1 ]" },
		{ "container.id exists and not container.id exists", "" },
		{ "process.thread.name in ('sh', 'bash')", "[ thread:=bash|=sh ]" },
		{ "process.thread.name startswith 'kworker/'", "[ thread:^kworker/ ]" },
		{ "process.thread.name regex '^kw[a-z]+'", "[ thread:^kw ]" },
		{ "lower(process.thread.name) = 'sh'", "[ thread:=shi ]" },
		{ "process.thread.name = 'a' and process.thread.name = 'b'", "" },
		{ "process.thread.name contains 'kw'", "[ ]" },
		{ "process.thread.name != 'sh'", "[ ]" },
		{ "not process.thread.name = 'sh'", "[ ]" },
		{ "basename(process.thread.name) = 'sh'", "[ ]" },
		{ "process.pid = 1 and user.id = 0", "[ ruid:0-0 ]" },
		{ "process.name = 'a' and (user.id = 0 or user.id = 1)", "[ self:/=a ruid:0-1 ]" },
		{ "not (process.name = 'a' or process.args = 'x')", "[ !self:/=a ]" },
		{ "not (process.name = 'a' and process.args = 'x')", "[ ]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_clauses("file.open", cases[i][0], cases[i][1]);
}

static void tests_of_connections(void)
{
	static const char *const cases[][2] = {
		{ "destination.ip = '10.0.0.1'", "[ peer:10.0.0.1/32(4) ]" },
		{ "destination.ip cidr ('10.0.0.0/8', '10.1.0.0/16')",
		  "[ peer:10.0.0.0/8(4)|10.1.0.0/16(4) ]" },
		{ "not destination.ip cidr '128.0.0.0/1' and network.type != 'unix'",
		  "[ peer:0.0.0.0/0(6)|0.0.0.0/1(4) family:6 ]" },
		{ "not destination.ip cidr '128.0.0.0/1'",
		  "[ peer:0.0.0.0/0(6)|0.0.0.0/1(4) ][ family:8 ]" },
		{ "destination.ip exists", "[ family:6 ]" },
		{ "not destination.ip exists", "[ family:8 ]" },
		{ "destination.port in (22, 23)", "[ port:22-22|23-23 ]" },
		{ "destination.port < 1024", "[ port:0-1023 ]" },
		{ "not destination.port = 53", "[ port:0-52|54-65535 ][ family:8 ]" },
		{ "network.type = 'unix' and destination.port = 1", "" },
		{ "network.unix.path endswith '/docker.sock'", "[ family:8 ]" },
		{ "network.unix.path = '/x' or network.unix.path startswith '/run/'",
		  "[ unix:=/x|^/run/ family:8 ]" },
		{ "network.unix.path glob '/tmp/ssh-*/agent.*'",
		  "[ unix:*/tmp/ssh-*/agent.* family:8 ]" },
		{ "dirname(network.unix.path) = '/run'", "[ unix:^/run family:8 ]" },
		{ "basename(network.unix.path) = 'x'", "[ family:8 ]" },
		{ "network.unix.path = '/x' and network.unix.path = '/y'", "" },
		{ "network.unix.path = '/x' and destination.port = 1", "" },
		{ "network.unix.path exists", "[ family:8 ]" },
		{ "not network.unix.path = '/x'", "[ ]" },
		{ "network.transport = 'udp' and destination.port = 53",
		  "[ port:53-53 transport:4 ]" },
		{ "network.transport != 'udp' and network.transport != 'tcp'", "[ transport:39 ]" },
		{ "event.outcome = 'failure'", "[ outcome:4 ]" },
		{ "not event.outcome in ('failure', 'unknown')", "[ outcome:3 ]" },
		{ "event.outcome = 'failure' and event.outcome = 'success'", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_clauses("network.connect", cases[i][0], cases[i][1]);
	check_clauses("network.accept", "source.ip = '10.0.0.1'", "[ peer:10.0.0.1/32(4) ]");
	check_clauses("network.accept", "destination.ip = '10.0.0.1'", "[ ]");
}

/* Every operator says what the kernel does with it. */
static void operators(void)
{
	for (uint32_t i = 0; i < OP_MAX; i++)
		if (!leaf_op_help((enum op_id)i))
			test_fail(__FILE__, __LINE__, "%s has no row in pipeline/filter/leaf.c",
				  ops[i].word);
}

static void notes(void)
{
	struct policy_set *s =
		policies_good("policies:\n"
			      "- name: closed\n  on: file.open\n  where: file.path = '/a'\n"
			      "- name: open\n  on: [file.open, process.exec]\n"
			      "  where: process.args = 'x' and process.pid = 5\n"
			      "- name: half\n  on: [file.open, network.connect]\n"
			      "  where: process.args = 'x' and destination.port = 5\n"
			      "- name: regex\n  on: file.open\n"
			      "  where: file.path = '/b' or file.path regex 'a|b'\n"
			      "- name: all\n  on: file.open\n  where: event.outcome = 'success'\n"
			      "- name: except\n  on: file.open\n  where: file.path exists\n"
			      "  exceptions:\n  - where: process.args = 'x'\n");
	static const char *const want[][2] = { { "open", "process.args = 'x'" },
					       { "regex", "file.path regex 'a|b'" },
					       { "all", NULL },
					       { "except", NULL } };
	const struct filter_note *n;
	struct filter *f;
	uint32_t count;

	CHECK_INT(filter_derive(&f, s, 0), 0);
	n = filter_notes(f, &count);
	CHECK_INT(count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_STREQ(n[i].policy->name, want[i][0]);
		CHECK_INT(n[i].kind, EV_OPEN);
		CHECK(n[i].why);
		CHECK(!n[i].test == !want[i][1]);
		if (n[i].test)
			CHECK_STREQ(n[i].test->source, want[i][1]);
	}
	CHECK(filter_is_open(f, EV_OPEN));
	CHECK(!filter_is_open(f, EV_CONNECT));
	CHECK_INT(filter_clauses(f, EV_CONNECT).count, 1);
	CHECK_INT(filter_clauses(f, EV_ACCEPT).count, 0);
	filter_free(f);
	CHECK_INT(filter_derive(&f, s, 1 << EV_ACCEPT), 0);
	CHECK(filter_is_open(f, EV_ACCEPT));
	filter_free(f);
	filter_free(NULL);
	policy_free(s);
}

/* Many policies become few clauses; past the bound wider ones, which hold what the narrow held. */
static void many(void)
{
	struct buf b = { 0 };
	struct policy_set *s;
	struct filter_clauses c;
	struct filter *f;

	buf_lit(&b, "policies:\n");
	for (int i = 0; i < 3000; i++)
		buf_addf(&b, "- name: p%d\n  on: file.open\n  where: file.path = '/d/%d'\n", i, i);
	buf_char(&b, '\0');
	s = policies_good(b.p);
	CHECK_INT(filter_derive(&f, s, 0), 0);
	c = filter_clauses(f, EV_OPEN);
	CHECK_INT(c.count, 1);
	CHECK_INT(c.items->npaths, 3000);
	filter_free(f);
	policy_free(s);

	buf_reset(&b);
	buf_lit(&b, "policies:\n");
	for (int i = 0; i < 3000; i++)
		buf_addf(&b,
			 "- name: p%d\n  on: [file.open, network.connect]\n"
			 "  where: process.name = 'n%d' and (file.path startswith '/d/%d' or\n"
			 "    destination.port = %d)\n",
			 i, i, i, i + 1);
	buf_char(&b, '\0');
	s = policies_good(b.p);
	CHECK_INT(filter_derive(&f, s, 0), 0);
	c = filter_clauses(f, EV_OPEN);
	CHECK_INT(c.count, 1);
	CHECK_INT(c.items->npaths, 3000);
	c = filter_clauses(f, EV_CONNECT);
	CHECK_INT(c.count, 1);
	CHECK_INT(c.items->nprograms, 1);
	CHECK_INT(c.items->programs->npatterns, 3000);
	filter_free(f);
	policy_free(s);
	buf_free(&b);
}

/* A condition made to take long is given up within bounds, and is wider then. */
static void hostile(void)
{
	static const char *const shapes[][2] = {
		{ "not (%s)", "%s(file.path contains 'a%d' and not process.name = 'b%d')" },
		{ "%s", "%snot destination.ip cidr '%d.%d.0.0/16'" },
	};
	clock_t before = clock();

	for (uint32_t i = 0; i < 2; i++) {
		struct buf b = { 0 };
		struct one o;
		char *where;

		for (int j = 1; j < 600; j++)
			buf_addf(&b, shapes[i][1],
				 j == 1 ? ""
				 : i    ? " and "
					: " or ",
				 j % 250, j % 250);
		buf_char(&b, '\0');
		CHECK(asprintf(&where, shapes[i][0], b.p) > 0);
		o = one_new(i ? "network.connect" : "file.open", where);
		CHECK(filter_clauses(o.f, i ? EV_CONNECT : EV_OPEN).count > 0);
		one_free(&o);
		free(where);
		buf_free(&b);
	}
	CHECK((clock() - before) / CLOCKS_PER_SEC < 3);
}

/* --- the algebra, against texts one by one --- */

static const char *random_text(struct policymaker *pm, char *out, uint32_t max)
{
	uint32_t n = policymaker_below(pm, max + 1);

	for (uint32_t i = 0; i < n; i++)
		out[i] = "ab/A"[policymaker_below(pm, 4)];
	out[n] = '\0';
	return out;
}

static struct patterns_list random_patterns(struct policymaker *pm, struct pool *pool)
{
	uint32_t n = 1 + policymaker_below(pm, 3);
	static const char *const globs[] = { "a*b", "*ab", "/*a*", "[ab]/*", "a?*/", "\\a*\\b" };
	struct filter_pattern *p = pool_array(pool, n, sizeof(*p));
	char text[16];

	for (uint32_t i = 0; i < n; i++) {
		p[i].type = (uint8_t)policymaker_below(pm, FILTER_GLOB);
		p[i].icase = !policymaker_below(pm, 8);
		p[i].name = !policymaker_below(pm, 8);
		p[i].text = pool_str(pool, str_of(random_text(pm, text, 4)));
		if (!policymaker_below(pm, 6)) {
			p[i].type = FILTER_GLOB;
			p[i].text = pool_str(pool, str_of(globs[policymaker_below(pm, 6)]));
		}
	}
	return (struct patterns_list){ p, n };
}

static bool is_plain(struct patterns_list l)
{
	for (uint32_t i = 0; i < l.count; i++)
		if (l.items[i].icase || l.items[i].name || l.items[i].type >= FILTER_CONTAINS)
			return false;
	return true;
}

/* Both, either, without: never less than what they say; and just that for plain patterns. */
static void pattern_algebra(void)
{
	struct policymaker *pm = policymaker_new();
	uint32_t within = 0, exact = 0;
	char text[16];

	for (uint32_t i = 0; i < 20000; i++) {
		struct pool pool = { 0 };
		struct patterns_list a = random_patterns(pm, &pool), b = random_patterns(pm, &pool);
		struct patterns_list either = patterns_union(&pool, a, b), both, without;

		CHECK(patterns_both(&pool, a, b, &both));
		CHECK(patterns_without(&pool, a, b, &without));
		for (uint32_t j = 0; j < 40; j++) {
			struct str s = str_of(random_text(pm, text, 7));
			bool in_a = patterns_fit(a.items, a.count, s);
			bool in_b = patterns_fit(b.items, b.count, s);
			bool in_both = patterns_fit(both.items, both.count, s);

			CHECK_INT(patterns_fit(either.items, either.count, s), in_a || in_b);
			CHECK(!(in_a && in_b) || in_both);
			CHECK(!(in_a && !in_b) || patterns_fit(without.items, without.count, s));
			within += in_a && in_b;
			exact += is_plain(a) && is_plain(b);
			if (is_plain(a) && is_plain(b))
				CHECK_INT(in_both, in_a && in_b);
		}
		pool_free(&pool);
	}
	CHECK(within > 10000);
	CHECK(exact > 10000);
	policymaker_free(pm);
}

static struct ranges random_ranges(struct policymaker *pm, struct pool *pool)
{
	struct ranges all = { 0 };

	for (uint32_t n = policymaker_below(pm, 4); n--;) {
		uint64_t lo = policymaker_below(pm, 32), hi = lo + policymaker_below(pm, 4);
		struct filter_range r = { lo, hi < 31 ? hi : 31 };

		CHECK(ranges_or(pool, all, (struct ranges){ &r, 1 }, &all));
	}
	return all;
}

static struct nets random_nets(struct policymaker *pm, struct pool *pool)
{
	uint32_t n = policymaker_below(pm, 4);
	struct filter_net *p = pool_array(pool, n + 1, sizeof(*p));

	for (uint32_t i = 0; i < n; i++) {
		p[i].family = policymaker_below(pm, 2) ? 4 : 6;
		p[i].bits = (uint8_t)policymaker_below(pm, 5);
		p[i].addr[0] = (uint8_t)(policymaker_below(pm, 16) << 4 & 0xf0 << (4 - p[i].bits));
	}
	return (struct nets){ p, n };
}

static bool nets_hold(struct nets l, uint32_t v)
{
	struct ev_ip ip = { .addr = { (uint8_t)(v << 4) }, .family = v & 16 ? 4 : 6 };

	for (uint32_t i = 0; i < l.count; i++)
		if (net_holds(&l.items[i], &ip))
			return true;
	return false;
}

static void set_algebra(void)
{
	struct policymaker *pm = policymaker_new();

	for (uint32_t i = 0; i < 5000; i++) {
		struct pool pool = { 0 };
		struct ranges a = random_ranges(pm, &pool), b = random_ranges(pm, &pool), and, or,
			      not ;
		struct nets m = random_nets(pm, &pool), n = random_nets(pm, &pool), nand, nor, nnot;

		CHECK(ranges_and(&pool, a, b, &and) && ranges_or(&pool, a, b, & or));
		CHECK(ranges_not(&pool, a, 31, &not ));
		CHECK(nets_and(&pool, m, n, &nand) && nets_or(&pool, m, n, &nor));
		CHECK(nets_not(&pool, m, &nnot));
		for (uint32_t v = 0; v < 32; v++) {
			bool in_a = ranges_hold(a.items, a.count, v);
			bool in_b = ranges_hold(b.items, b.count, v);

			CHECK_INT(ranges_hold(and.items, and.count, v), in_a && in_b);
			CHECK_INT(ranges_hold(or.items, or.count, v), in_a || in_b);
			CHECK_INT(ranges_hold(not .items, not .count, v), !in_a);
			in_a = nets_hold(m, v);
			in_b = nets_hold(n, v);
			CHECK_INT(nets_hold(nand, v), in_a && in_b);
			CHECK_INT(nets_hold(nor, v), in_a || in_b);
			CHECK_INT(nets_hold(nnot, v), !in_a);
		}
		pool_free(&pool);
	}
	policymaker_free(pm);
}

/* The shipped policies: of opens the kernel keeps all but those of some paths, those through
 * io_uring, those of block devices in containers, and files that network services write. */
static void shipped(void)
{
	const char *path = "policies";
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	struct filter_clauses c;
	struct filter *f;

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	CHECK_INT(filter_derive(&f, s, 0), 0);
	c = filter_clauses(f, EV_OPEN);
	CHECK(c.count > 10);
	for (uint32_t i = 0; i < c.count; i++) {
		struct buf b = { 0 };

		clause_text(&b, &c.items[i]);
		if (!c.items[i].npaths && c.items[i].via_any != FILTER_VIA_IO_URING &&
		    c.items[i].types_any != 1u << EV_FILETYPE_BLOCK &&
		    !(c.items[i].nprograms && !c.items[i].programs->negated &&
		      c.items[i].access_any))
			test_fail(__FILE__, __LINE__, "%.*s", (int)b.len, b.p);
		buf_free(&b);
	}
	CHECK(!filter_is_open(f, EV_ACCEPT));
	filter_free(f);
	policy_free(s);
}

static const struct test tests[] = {
	TEST(tests_of_opens),
	TEST(tests_of_functions),
	TEST(tests_of_processes),
	TEST(tests_of_connections),
	TEST(operators),
	TEST(notes),
	TEST(many),
	TEST(hostile),
	TEST(shipped),
	TEST(pattern_algebra),
	TEST(set_algebra),

};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
