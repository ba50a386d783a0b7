/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * filtered.h.
 */
#include "tests/harness/filtered.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/harness/filter_wants.h"

enum { MIB = 1 << 20 };

void filtered_begin_kinds(struct filtered *f, uint64_t want, bool no_typed_loads)
{
	struct probe_cfg cfg = live_defaults;

	memset(f, 0, sizeof(*f));
	cfg.filter_bytes = MIB;
	cfg.ring_bytes = 32 << 20;
	cfg.want = want;
	cfg.no_typed_loads = no_typed_loads;
	live_open(&f->l, &cfg);
	test_dir(f->dir);
}

void filtered_begin(struct filtered *f, bool no_typed_loads)
{
	filtered_begin_kinds(f, KIND_BIT(OPEN), no_typed_loads);
}

void filtered_end(struct filtered *f)
{
	free(f->block);
	live_close(&f->l);
}

void filtered_forget(struct filtered *f)
{
	live_read(&f->l);
	f->l.len = f->l.count = 0;
}

void filtered_install(struct filtered *f, uint32_t kind, const struct filter_clause *c, uint32_t n,
		      uint8_t mode)
{
	struct filter_request req = {
		.mode = mode,
		.generation = ++f->generation,
		.max_bytes = MIB,
	};

	req.kinds[kind] = (struct filter_clauses){ c, n };
	free(f->block);
	f->block = NULL;
	CHECK_INT(filter_tables_make(&f->block, &req, NULL), 0);
	CHECK_INT(probe_set_tables(f->l.set, f->block, NULL), 0);
	filtered_forget(f);
}

/* Wanted: what fits one of these. */
void filtered_want(struct filtered *f, const struct filter_pattern *p, uint32_t n)
{
	struct filter_clause c = { .paths = p, .npaths = n };

	filtered_install(f, EV_OPEN, &c, 1, FILTER_MODE_ON);
}

void filtered_want_one(struct filtered *f, uint8_t type, const char *text)
{
	struct filter_pattern p = { str_of(text), type, false, false };

	filtered_want(f, &p, 1);
}

void filtered_touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

void filtered_look(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

/* Dentries that nobody uses go, so that names are looked up anew. The kernel spares once each one that
 * was used since it looked last. */
void filtered_drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		test_skip("drop_caches: %s", strerror(errno));
	for (int i = 0; i < 3; i++)
		CHECK_INT(write(fd, "2", 1), 1);
	close(fd);
}

/* Records of this process's opens of path since forget_records; flags: of all of them. */
uint32_t filtered_count(struct filtered *f, const char *path, uint32_t *flags)
{
	static char text[8192];
	uint32_t n = 0;

	for (const struct ev_hdr *h = NULL; (h = live_next(&f->l, h));) {
		const struct ev_open *o = (const struct ev_open *)h;

		if (h->kind != EV_OPEN || h->tgid != (uint32_t)getpid() || !o->path.off)
			continue;
		if (path && strcmp(live_path(h, &o->path, text, sizeof(text)), path))
			continue;
		CHECK_INT(h->generation, f->generation);
		if (flags)
			*flags |= h->flags;
		n++;
	}
	return n;
}

uint32_t filtered_seen(struct filtered *f, const char *path, uint32_t *flags)
{
	live_read(&f->l);
	return filtered_count(f, path, flags);
}

bool filtered_should(const struct filtered *f, const char *path)
{
	struct filter_facts facts = { .type = EV_FILETYPE_FILE };
	struct filter_event e = { .kind = EV_OPEN, .path = path, .facts = &facts };

	return filter_tables_wants(f->block, MIB, &e);
}

/* The kernel's answer for a path that is opened n times, twice: not known yet and known. */
void filtered_check(struct filtered *f, const char *path)
{
	for (int i = 0; i < 3; i++) {
		filtered_forget(f);
		filtered_look(path);
		CHECK_INT(filtered_seen(f, path, NULL), filtered_should(f, path));
	}
}

/* Events of the kind that were dropped, or marked to be. */
uint64_t filtered_out(const struct filtered *f, uint32_t kind)
{
	return probe_set_filtered(f->l.set, kind);
}

/* The stored mask of a path. False: none is. */
bool filtered_stored(const struct filtered *f, const char *path, uint64_t *mask)
{
	uint64_t s = filter_tables_signature(f->block, path);
	uint32_t at = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
	struct filter_verdict_set set;

	if (!s)
		return false; /* deeper or longer than what is judged */
	CHECK_INT(bpf_map_lookup_elem(f->l.set->maps.fd[MAP_VERDICTS], &at, &set), 0);
	for (int i = 0; i < FILTER_WAYS; i++) {
		if ((set.way[i].check ^ set.way[i].mask) != s)
			continue;
		*mask = set.way[i].mask;
		return true;
	}
	return false;
}

/* Opens the path as if the short way (bpf/seen.h) did not know it, nor its directory. */
void filtered_look_anew(const struct filtered *f, const char *path)
{
	struct filter_seen keys, none = { 0 };
	int fd = f->l.set->maps.fd[MAP_SEEN];
	uint32_t zero = 0;

	CHECK_INT(bpf_map_lookup_elem(fd, &zero, &keys), 0);
	CHECK_INT(bpf_map_update_elem(fd, &zero, &none, 0), 0);
	filtered_look(path);
	CHECK_INT(bpf_map_update_elem(fd, &zero, &keys, 0), 0);
}

/* The path is opened once more for it. */
void filtered_check_stored(const struct filtered *f, const char *path)
{
	uint64_t mask;

	filtered_look_anew(f, path);
	CHECK(filtered_stored(f, path, &mask));
	CHECK(mask == filter_tables_mask(f->block, MIB, false, path));
}
