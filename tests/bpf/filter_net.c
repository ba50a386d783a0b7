/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter of connects and accepts on the live kernel: real sockets, against what the
 * tables answer in user space for the same peer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"
#include "tests/harness/random.h"
#include "tests/harness/sockets.h"

enum { MIB = 1 << 20, PORT = 20000, NOBODY_ELSE = 12345 };

static void begin(struct filtered *f)
{
	filtered_begin_kinds(
		f, KIND_BIT(CONNECT) | KIND_BIT(ACCEPT) | KIND_BIT(FORK) | KIND_BIT(EXEC), false);
}

/* ---- sockets ---- */

enum way { TCP, UDP, DATAGRAM, UNIX_STREAM, WAYS };
enum form { V4, V6, MAPPED, FORMS };

struct deed {
	enum way way;
	enum form form;
	uint16_t port; /* no other deed has it */
	uint8_t host; /* last byte of 127.0.0.x */
};

static socklen_t address(struct sockaddr_storage *to, enum form form, uint8_t host, uint16_t port)
{
	char text[64];

	snprintf(text, sizeof(text),
		 form == V4   ? "127.0.0.%u"
		 : form == V6 ? "::1"
			      : "::ffff:127.0.0.%u",
		 host);
	return sockets_ip(to, text, port);
}

/* Nobody listens: connects of TCP fail, which is told in an interrupt. */
static void do_deed(const struct deed *d)
{
	struct sockaddr_storage to;
	socklen_t len = address(&to, d->form, d->host, d->port);
	int fd;

	if (d->way == UNIX_STREAM) {
		len = sockets_unix(&to, "/tocsin-no-such-socket", 22);
		fd = sockets_new(AF_UNIX, SOCK_STREAM);
		CHECK(connect(fd, (struct sockaddr *)&to, len) && errno == ENOENT);
	} else {
		fd = sockets_new(to.ss_family, d->way == TCP ? SOCK_STREAM : SOCK_DGRAM);
		if (d->way == DATAGRAM)
			CHECK_INT(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), 1);
		else if (d->way == TCP)
			CHECK(connect(fd, (struct sockaddr *)&to, len) && errno == ECONNREFUSED);
		else
			CHECK_INT(connect(fd, (struct sockaddr *)&to, len), 0);
	}
	close(fd);
}

static bool wanted(const struct filtered *f, uint32_t kind, const struct deed *d)
{
	bool is_unix = d->way == UNIX_STREAM;
	struct ev_ip ip = { .family = is_unix ? 0 : d->form == V6 ? 6 : 4 };
	struct filter_facts facts = {
		.uid = geteuid(),
		.real_uid = getuid(),
		.port = is_unix ? ~0u : d->port,
		.family = is_unix         ? EV_FAMILY_UNIX
			  : d->form == V6 ? EV_FAMILY_IPV6
					  : EV_FAMILY_IPV4,
		.transport = is_unix         ? EV_TRANSPORT_STREAM
			     : d->way == TCP ? EV_TRANSPORT_TCP
					     : EV_TRANSPORT_UDP,
		.via = FILTER_VIA_SYSCALL,
	};
	struct filter_event e = {
		.kind = kind,
		.peer = &ip,
		.outcome = kind == EV_CONNECT && (d->way == TCP || is_unix) ? EV_OUTCOME_FAILURE
									    : EV_OUTCOME_SUCCESS,
		.thread = program_invocation_short_name,
		.facts = &facts,
	};
	uint32_t v4 = htonl(INADDR_LOOPBACK - 1 + d->host);

	if (ip.family == 6)
		ip.addr[15] = 1;
	else if (ip.family)
		memcpy(ip.addr, &v4, sizeof(v4));
	return filter_tables_wants(f->block, MIB, &e);
}

/* Records of a kind of this process to a port (any when 0), and the flags of all of them. */
static uint32_t count(const struct filtered *f, uint32_t kind, uint8_t family, uint16_t port,
		      uint32_t *flags)
{
	uint32_t found = 0;

	for (const struct ev_hdr *h = NULL; (h = live_find(&f->l, h, kind, (uint32_t)getpid()));) {
		const struct ev_connect *c = (const struct ev_connect *)h;
		const struct ev_accept *a = (const struct ev_accept *)h;
		uint16_t dport = kind == EV_CONNECT ? c->dport : a->dport;

		if ((kind == EV_CONNECT ? c->family : a->family) != family ||
		    (port && dport != port))
			continue;
		CHECK_INT(h->generation, f->generation);
		if (flags)
			*flags |= h->flags;
		found++;
	}
	return found;
}

static bool marked(uint32_t flags)
{
	return flags & 1u << EV_HDR_WOULD_DROP;
}

/* The kernel's answer for each deed is what the tables say. How many were wanted. */
static uint32_t check_deeds(struct filtered *f, const struct deed *d, uint32_t nd, uint8_t mode)
{
	uint32_t yes = 0, no = 0, unix_deeds = 0;
	uint64_t before = filtered_out(f, EV_CONNECT);

	f->l.len = f->l.count = 0;
	for (uint32_t i = 0; i < nd; i++)
		do_deed(&d[i]);
	live_read(&f->l);
	for (uint32_t i = 0; i < nd; i++) {
		bool should = mode == FILTER_MODE_OFF || wanted(f, EV_CONNECT, &d[i]);
		uint32_t flags = 0, got;

		should ? yes++ : no++;
		if (d[i].way == UNIX_STREAM) {
			unix_deeds += mode == FILTER_MODE_VERIFY || should;
			continue;
		}
		got = count(f, EV_CONNECT, d[i].form == V6 ? EV_FAMILY_IPV6 : EV_FAMILY_IPV4,
			    d[i].port, &flags);
		if (got != (mode == FILTER_MODE_VERIFY || should) ||
		    marked(flags) != (mode == FILTER_MODE_VERIFY && !should))
			test_fail(__FILE__, __LINE__,
				  "way %d form %d port %u: %u records, flags %x", d[i].way,
				  d[i].form, d[i].port, got, flags);
	}
	CHECK_INT(count(f, EV_CONNECT, EV_FAMILY_UNIX, 0, NULL), unix_deeds);
	CHECK(filtered_out(f, EV_CONNECT) - before >= no);
	return yes;
}

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
	return random_below(&seed, n);
}

enum { DEEDS = 60, CLAUSES = 4, ROUNDS = 160 };

static void make_deeds(struct deed *d)
{
	for (uint32_t i = 0; i < DEEDS; i++)
		d[i] = (struct deed){ i % WAYS, i / WAYS % FORMS, (uint16_t)(PORT + i),
				      (uint8_t)(1 + roll(4)) };
}

/* ---- tests ---- */

static const struct filter_net nets[] = {
	{ { 127 }, 4, 8 },
	{ { 127, 0, 0, 2 }, 4, 31 },
	{ { 127, 0, 0, 1 }, 4, 32 },
	{ { 0 }, 4, 0 },
	{ { 10 }, 4, 8 },
	{ { [15] = 1 }, 6, 128 },
	{ { 0 }, 6, 0 },
	{ { 0xfd }, 6, 8 },
	{ { [10] = 0xff, [11] = 0xff }, 6, 96 }, /* nobody is there: mapped addresses are IPv4 */
};

static const struct filter_pattern threads[] = {
	{ STR("filter_net"), FILTER_EXACT, false, false },
	{ STR("FILTER"), FILTER_PREFIX, true, false },
	{ STR("f?lter*"), FILTER_GLOB, false, false },
	{ STR("filter"), FILTER_EXACT, false, false },
};

struct made {
	struct filter_clause c;
	struct filter_range ports, uids;
};

static void random_clause(struct made *m)
{
	uint32_t from = PORT + roll(DEEDS);

	*m = (struct made){
		.ports = { from, from + roll(20) },
		.uids = { roll(3) ? 0 : 1, roll(2) ? UINT32_MAX : geteuid() },
	};
	if (roll(4)) {
		m->c.npeers = 1 + roll(2);
		m->c.peers = &nets[roll(ARRAY_LEN(nets) - 1)];
	}
	if (roll(2))
		m->c.ports = &m->ports, m->c.nports = 1;
	if (!roll(3))
		m->c.uids = &m->uids, m->c.nuids = 1;
	if (!roll(3))
		m->c.real_uids = &m->uids, m->c.nreal_uids = 1;
	if (!roll(3))
		m->c.families_any = (uint8_t)(1 + roll(15));
	if (!roll(4))
		m->c.via_any = (uint8_t)(1 + roll(3));
	if (!roll(6))
		m->c.transports_any = (uint8_t)(1 + roll((1 << EV_TRANSPORT_MAX) - 1));
	if (!roll(4))
		m->c.outcomes_any = (uint8_t)(1 + roll((1 << EV_OUTCOME_MAX) - 1));
	if (!roll(4)) {
		m->c.threads = &threads[roll(ARRAY_LEN(threads))];
		m->c.nthreads = 1;
	}
}

static void random_clauses_and_peers(void)
{
	static const uint8_t modes[] = { FILTER_MODE_ON, FILTER_MODE_VERIFY, FILTER_MODE_OFF };
	struct made m[CLAUSES];
	struct filter_clause c[CLAUSES];
	struct deed d[DEEDS];
	uint32_t yes = 0;
	struct filtered f;

	seed = random_seed("TOCSIN_SEED");
	begin(&f);
	make_deeds(d);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t nc = roll(CLAUSES);

		for (uint32_t i = 0; i < nc; i++) {
			random_clause(&m[i]);
			c[i] = m[i].c;
		}
		for (uint32_t k = 0; k < (round % 8 ? 1 : ARRAY_LEN(modes)); k++) {
			filtered_install(&f, EV_CONNECT, c, nc, modes[k]);
			yes += check_deeds(&f, d, DEEDS, modes[k]) * !k;
		}
	}
	printf("# wanted %u of %u\n", yes, ROUNDS * DEEDS);
	CHECK(yes > ROUNDS * DEEDS / 24 && yes < ROUNDS * DEEDS * 23 / 24);
	filtered_end(&f);
}

/* A connection from a client that is bound to host, accepted at a port of the kernel's choice. */
static void accept_one(enum form form, uint8_t host, struct deed *d)
{
	struct sockaddr_storage at, from;
	socklen_t len = address(&at, form, 1, 0);
	int server = sockets_new(at.ss_family, SOCK_STREAM),
	    client = sockets_new(at.ss_family, SOCK_STREAM), fd;

	CHECK_INT(bind(server, (struct sockaddr *)&at, len), 0);
	CHECK_INT(listen(server, 1), 0);
	address(&at, form, 1, sockets_port(server));
	address(&from, form, host, 0);
	CHECK_INT(bind(client, (struct sockaddr *)&from, len), 0);
	CHECK_INT(connect(client, (struct sockaddr *)&at, len), 0);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	close(client);
	close(server);
	*d = (struct deed){ TCP, form, ntohs(((struct sockaddr_in *)&at)->sin_port), host };
}

static void accepts(void)
{
	static const uint8_t modes[] = { FILTER_MODE_ON, FILTER_MODE_VERIFY, FILTER_MODE_OFF };
	struct filter_clause c = { .npeers = 1 };
	uint32_t yes = 0, no = 0;
	struct filtered f;

	begin(&f);
	for (uint32_t i = 0; i < ARRAY_LEN(nets) * ARRAY_LEN(modes); i++) {
		uint8_t mode = modes[i % ARRAY_LEN(modes)];

		c.peers = &nets[i / ARRAY_LEN(modes)];
		filtered_install(&f, EV_ACCEPT, &c, 1, mode);
		for (uint8_t host = 1; host < 4; host++)
			for (enum form form = V4; form < FORMS; form++) {
				uint32_t flags = 0;
				struct deed d;
				bool should;

				accept_one(form, host, &d);
				live_read(&f.l);
				should = mode == FILTER_MODE_OFF || wanted(&f, EV_ACCEPT, &d);
				CHECK_INT(count(&f, EV_ACCEPT,
						form == V6 ? EV_FAMILY_IPV6 : EV_FAMILY_IPV4,
						d.port, &flags),
					  mode == FILTER_MODE_VERIFY || should);
				CHECK_INT(marked(flags), mode == FILTER_MODE_VERIFY && !should);
				should ? yes++ : no++;
			}
	}
	CHECK(yes > 100 && no > 50);
	filtered_end(&f);
}

/* name: as sockets_unix takes it. */
static void accept_unix(const char *name)
{
	struct sockaddr_storage at;
	socklen_t len = sockets_unix(&at, name, strlen(name)), room = sizeof(at);
	int server = sockets_new(AF_UNIX, SOCK_STREAM), client = sockets_new(AF_UNIX, SOCK_STREAM);
	int fd;

	unlink(name);
	CHECK_INT(bind(server, (struct sockaddr *)&at, len), 0);
	CHECK_INT(getsockname(server, (struct sockaddr *)&at, &room), 0);
	CHECK_INT(listen(server, 1), 0);
	CHECK_INT(connect(client, (struct sockaddr *)&at, room), 0);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	close(client);
	close(server);
	unlink(name);
}

static void unix_sockets_have_no_address(void)
{
	struct filter_range any = { 0, UINT16_MAX };
	struct filter_clause c[] = {
		{ .peers = &nets[3], .npeers = 1 },
		{ .ports = &any, .nports = 1 },
		{ .families_any = 1 << EV_FAMILY_IPV4 | 1 << EV_FAMILY_IPV6 },
		{ .families_any = 1 << EV_FAMILY_UNIX },
		{ .uids = &any, .nuids = 1 },
	};
	struct filtered f;

	begin(&f);
	for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
		for (uint32_t kind = EV_CONNECT; kind <= EV_ACCEPT; kind++) {
			filtered_install(&f, kind, &c[i], 1, FILTER_MODE_ON);
			accept_unix("");
			live_read(&f.l);
			CHECK_INT(count(&f, kind, EV_FAMILY_UNIX, 0, NULL), i >= 3);
		}
	filtered_end(&f);
}

static void paths_of_unix_sockets(void)
{
	static const char *const names[] = { "/tmp/.tocsin-a", "/tmp/.tocsin-test-socket",
					     "/tmp/.tocsin-test-other", "@tocsin-a", "@tocsin-b" };
	static const struct filter_pattern patterns[] = {
		{ STR("/tmp/.tocsin-a"), FILTER_EXACT, false, false },
		{ STR("/tmp/.TOCSIN-"), FILTER_PREFIX, true, false },
		{ STR("/tmp/.tocsin-test-o*"), FILTER_GLOB, false, false },
		{ STR("@tocsin-"), FILTER_PREFIX, false, false },
		{ STR("socket"), FILTER_SUFFIX, false, false },
	};
	static const char *const want[] = { "10000", "11100", "01100", "00011", "11111" };
	struct filter_clause c = { .nunix_paths = 1, .families_any = 1 << EV_FAMILY_UNIX };
	struct filtered f;

	begin(&f);
	for (uint32_t i = 0; i < ARRAY_LEN(patterns); i++)
		for (uint32_t k = 0; k < ARRAY_LEN(names) * 2; k++) {
			uint32_t kind = k & 1 ? EV_ACCEPT : EV_CONNECT;

			c.unix_paths = &patterns[i];
			filtered_install(&f, kind, &c, 1, FILTER_MODE_ON);
			accept_unix(names[k / 2]);
			live_read(&f.l);
			CHECK_INT(count(&f, kind, EV_FAMILY_UNIX, 0, NULL), want[i][k / 2] == '1');
		}
	filtered_end(&f);
}

static void marks_of_the_program(void)
{
	struct deed d[] = { { TCP, V4, PORT, 1 },
			    { TCP, V6, PORT + 1, 1 },
			    { UDP, V4, PORT + 2, 1 },
			    { UNIX_STREAM, V4, 0, 0 },
			    { DATAGRAM, V4, PORT + 4, 1 } };
	char self[4096] = "";
	struct filter_pattern p = { .type = FILTER_EXACT };
	struct filter_program program = { &p, 1, FILTER_SELF, false };
	struct filter_clause c = { .programs = &program, .nprograms = 1 };
	struct filtered f;

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	begin(&f);
	for (uint32_t i = 0; i < 4; i++) {
		bool should = i == 0 || i == 3;

		p.text = str_of(i & 1 ? "/nowhere" : self);
		program.negated = i >= 2;
		filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
		for (uint32_t k = 0; k < ARRAY_LEN(d); k++)
			do_deed(&d[k]);
		live_read(&f.l);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, PORT, NULL), should);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV6, PORT + 1, NULL), should);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, PORT + 2, NULL), should);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_UNIX, 0, NULL), should);
		/* its program does not see marks: unknown is wanted */
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, PORT + 4, NULL), 1);
	}
	filtered_end(&f);
}

/* A connect that stays in SYN_SENT: nobody takes what fills the queue of the one who listens. */
struct slow {
	int server, filler[2], fd;
	uint16_t port;
};

static void slow_begin(struct slow *s)
{
	struct sockaddr_storage at;
	socklen_t len = address(&at, V4, 1, 0);

	s->server = sockets_new(AF_INET, SOCK_STREAM);
	CHECK_INT(bind(s->server, (struct sockaddr *)&at, len), 0);
	CHECK_INT(listen(s->server, 0), 0);
	s->port = sockets_port(s->server);
	address(&at, V4, 1, s->port);
	for (int i = 0; i < 2; i++) {
		s->filler[i] = sockets_new(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
		connect(s->filler[i], (struct sockaddr *)&at, len);
		usleep(10000);
	}
	s->fd = sockets_new(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
	CHECK(connect(s->fd, (struct sockaddr *)&at, len) && errno == EINPROGRESS);
}

static void slow_end(struct slow *s)
{
	close(s->filler[0]);
	close(s->filler[1]);
	close(s->server);
}

/* Another user's process ends the connect; whose it is decides. */
static void connects_that_another_task_ends(void)
{
	struct filter_range me = { geteuid(), geteuid() }, other = { NOBODY_ELSE, NOBODY_ELSE };
	struct filter_clause c = { .nuids = 1 };
	struct filtered f;

	begin(&f);
	for (int i = 0; i < 4; i++) {
		struct slow s;
		pid_t child;
		int status;
		uint32_t before;

		c.uids = i & 1 ? &other : &me;
		filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
		slow_begin(&s);
		live_read(&f.l);
		before = count(&f, EV_CONNECT, EV_FAMILY_IPV4, s.port, NULL);
		child = fork();
		if (!child) {
			usleep(50000);
			_exit(seteuid(NOBODY_ELSE) ? 1 : 0);
		}
		close(s.fd);
		waitpid(child, &status, 0);
		CHECK_INT(status, 0);
		live_read(&f.l);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, s.port, NULL), before + !(i & 1));
		slow_end(&s);
	}
	filtered_end(&f);
}

/* What another generation decided does not count any more. */
static void connects_that_end_in_another_generation(void)
{
	struct filter_clause c = { .families_any = 1 << EV_FAMILY_UNIX };
	struct filtered f;

	begin(&f);
	for (int i = 0; i < 2; i++) {
		struct slow s;
		uint32_t flags = 0;

		filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_VERIFY);
		slow_begin(&s);
		if (i)
			filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_VERIFY);
		live_read(&f.l);
		f.l.len = f.l.count = 0;
		close(s.fd);
		live_read(&f.l);
		CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, s.port, &flags), 1);
		CHECK_INT(marked(flags), !i);
		slow_end(&s);
	}
	filtered_end(&f);
}

/* More connects on their way than there are slots to keep them in: each is told, once. */
static void more_connects_than_slots(void)
{
	enum { MANY = 6000 };
	struct filter_range me = { geteuid(), geteuid() };
	struct filter_clause c = { .uids = &me, .nuids = 1 };
	struct rlimit files = { MANY + 200, MANY + 200 };
	struct sockaddr_storage at;
	struct filtered f;
	struct slow s;
	int fd[MANY];
	socklen_t len;

	begin(&f);
	filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &files), 0);
	slow_begin(&s);
	len = address(&at, V4, 1, s.port);
	for (int i = 0; i < MANY; i++) {
		fd[i] = sockets_new(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
		CHECK(connect(fd[i], (struct sockaddr *)&at, len) && errno == EINPROGRESS);
	}
	live_read(&f.l);
	CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, s.port, NULL), 1); /* a filler */
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	live_read(&f.l);
	CHECK_INT(count(&f, EV_CONNECT, EV_FAMILY_IPV4, s.port, NULL), 1 + MANY);
	close(s.fd);
	slow_end(&s);
	filtered_end(&f);
}

static const struct test tests[] = {
	TEST(random_clauses_and_peers),
	TEST(accepts),
	TEST(unix_sockets_have_no_address),
	TEST(paths_of_unix_sockets),
	TEST(marks_of_the_program),
	TEST(connects_that_another_task_ends),
	TEST(connects_that_end_in_another_generation),
	TEST(more_connects_than_slots),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
