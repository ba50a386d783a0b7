/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter on the live kernel: real opens, against what the tables answer in user space for
 * the same path; and each way that a verdict could be wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/harness/live.h"

enum { MIB = 1 << 20 };

struct filtered {
	struct live l;
	void *block;
	char dir[64];
	uint32_t generation;
};

static void begin(struct filtered *f, bool no_typed_loads)
{
	struct probe_cfg cfg = live_defaults;

	memset(f, 0, sizeof(*f));
	cfg.filter_bytes = MIB;
	cfg.ring_bytes = 32 << 20;
	cfg.want = KIND_BIT(OPEN);
	cfg.no_typed_loads = no_typed_loads;
	live_open(&f->l, &cfg);
	strcpy(f->dir, "/tmp/tocsin-filter.XXXXXX");
	CHECK(mkdtemp(f->dir));
}

static void end(struct filtered *f)
{
	char command[128];

	free(f->block);
	live_close(&f->l);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	CHECK(!system(command));
}

static void forget_records(struct filtered *f)
{
	live_read(&f->l);
	f->l.len = f->l.count = 0;
}

static void install(struct filtered *f, const struct filter_clause *c, uint32_t n, uint8_t mode)
{
	struct filter_request req = {
		.kinds[EV_OPEN] = { c, n },
		.mode = mode,
		.generation = ++f->generation,
		.max_bytes = MIB,
	};

	free(f->block);
	f->block = NULL;
	CHECK_INT(filter_tables_make(&f->block, &req, NULL), 0);
	CHECK_INT(probe_set_tables(f->l.set, f->block), 0);
	forget_records(f);
}

/* Wanted: what fits one of these. */
static void want(struct filtered *f, const struct filter_pattern *p, uint32_t n)
{
	struct filter_clause c = { .paths = p, .npaths = n };

	install(f, &c, 1, FILTER_MODE_ON);
}

static void want_one(struct filtered *f, uint8_t type, const char *text)
{
	struct filter_pattern p = { str_of(text), type, false, false };

	want(f, &p, 1);
}

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

static void look(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

/* Records of this process's opens of path since forget_records; flags: of all of them. */
static uint32_t count(struct filtered *f, const char *path, uint32_t *flags)
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

static uint32_t seen(struct filtered *f, const char *path, uint32_t *flags)
{
	live_read(&f->l);
	return count(f, path, flags);
}

static bool should(const struct filtered *f, const char *path)
{
	struct filter_facts facts = { .type = EV_FILETYPE_FILE };
	struct filter_event e = { .kind = EV_OPEN, .path = path, .facts = &facts };

	return filter_tables_wants(f->block, MIB, &e);
}

/* The kernel's answer for a path that is opened n times, twice: not known yet and known. */
static void check(struct filtered *f, const char *path)
{
	for (int i = 0; i < 3; i++) {
		forget_records(f);
		look(path);
		CHECK_INT(seen(f, path, NULL), should(f, path));
	}
}

static uint64_t filtered_opens(const struct filtered *f)
{
	uint64_t n = 0;

	for (int i = 0; i < probe_set_ncpu(f->l.set); i++)
		n += probe_set_cpu(f->l.set, i)->filtered[EV_OPEN];
	return n;
}

/* The stored mask of a path. False: none is. */
static bool stored(const struct filtered *f, const char *path, uint64_t *mask)
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

static void check_stored(const struct filtered *f, const char *path)
{
	uint64_t mask;

	CHECK(stored(f, path, &mask));
	CHECK(mask == filter_tables_mask(f->block, MIB, false, path));
}

/* ---- patterns ---- */

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t roll(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % n;
}

enum { FILES = 150, PATTERNS = 8 };

static void random_path(const struct filtered *f, char *to)
{
	uint32_t depth = 1 + roll(5);
	char *p = to + sprintf(to, "%s", f->dir);

	for (uint32_t i = 0; i < depth; i++) {
		uint32_t len = roll(8) ? 1 + roll(3) : 1 + roll(40);

		if (i)
			mkdir(to, 0755);
		*p++ = '/';
		for (uint32_t k = 0; k < len; k++)
			*p++ = i + 1 < depth ? "ab"[roll(2)] : "ab.c"[roll(4)];
		if (i + 1 == depth)
			*p++ = 'f'; /* no directory is called so */
		*p = 0;
	}
}

static void random_pattern(struct filter_pattern *p, char *text, const char *like)
{
	uint32_t len = (uint32_t)strlen(like), from, n;

	*p = (struct filter_pattern){ .type = (uint8_t)roll(5),
				      .icase = !roll(9),
				      .name = !roll(3) };
	from = p->name ? (uint32_t)(strrchr(like, '/') + 1 - like) : 0;
	if (p->type == FILTER_SUFFIX || p->type == FILTER_CONTAINS)
		from = len - roll(MIN(len - from, 8u)) - 1;
	n = p->type == FILTER_PREFIX ? MIN(len - from, len - roll(12)) : len - from;
	memcpy(text, like + from, n);
	text[n] = 0;
	if (p->type == FILTER_GLOB)
		text[roll(n)] = '*';
	p->text = str_of(text);
}

static void random_patterns_and_paths(bool no_typed_loads)
{
	static char paths[FILES][512], texts[PATTERNS][512];
	struct filter_pattern p[PATTERNS];
	uint32_t wanted = 0;
	struct filtered f;

	begin(&f, no_typed_loads);
	for (uint32_t i = 0; i < FILES; i++) {
		random_path(&f, paths[i]);
		touch(paths[i]);
	}
	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t i = 0; i < PATTERNS; i++)
			random_pattern(&p[i], texts[i], paths[roll(FILES)]);
		want(&f, p, 1 + roll(PATTERNS));
		for (uint32_t i = 0; i < FILES; i++) {
			look(paths[i]);
			look(paths[i]);
		}
		live_read(&f.l);
		for (uint32_t i = 0; i < FILES; i++) {
			uint32_t same = 0;

			for (uint32_t k = 0; k < FILES; k++)
				same += !strcmp(paths[i], paths[k]);
			CHECK_INT(count(&f, paths[i], NULL), should(&f, paths[i]) ? 2 * same : 0);
			check_stored(&f, paths[i]);
			wanted += should(&f, paths[i]);
		}
	}
	printf("# wanted %u of %u\n", wanted, 12 * FILES);
	CHECK(wanted > 100 && wanted < 12 * FILES - 100);
	end(&f);
}

static void patterns_by_words(void)
{
	random_patterns_and_paths(false);
}

static void patterns_by_probe_reads(void)
{
	random_patterns_and_paths(true);
}

static void conditions_on_the_rest(void)
{
	struct filter_range me = { geteuid(), geteuid() }, other = { 4000000, 4000001 };
	struct filter_clause c[4] = {
		{ .access_any = 1 << O_WRONLY, .uids = &me, .nuids = 1 },
		{ .types_any = 1 << EV_FILETYPE_DIR, .real_uids = &me, .nreal_uids = 1 },
		{ .mode_any = 04000 },
		{ .flags_any = O_APPEND, .uids = &other, .nuids = 1 },
	};
	struct filtered f;
	char path[128];
	int fd;

	begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	touch(path);
	install(&f, c, 4, FILTER_MODE_ON);
	for (int i = 0; i < 3; i++) {
		forget_records(&f);
		look(path);
		CHECK_INT(seen(&f, path, NULL), 0);
		touch(path);
		CHECK_INT(seen(&f, path, NULL), 1);
		look(f.dir);
		CHECK_INT(seen(&f, f.dir, NULL), 1);
		fd = open(path, O_RDONLY | O_APPEND | O_CLOEXEC);
		close(fd);
		CHECK_INT(seen(&f, path, NULL), 1);
		CHECK_INT(chmod(path, 04755), 0);
		look(path);
		CHECK_INT(seen(&f, path, NULL), 2);
		CHECK_INT(chmod(path, 0644), 0);
	}
	end(&f);
}

/* ---- modes ---- */

static void modes_and_generations(void)
{
	struct filtered f;
	struct filter_clause c = { 0 };
	struct filter_pattern p = { STR("/nowhere"), FILTER_EXACT, 0, 0 };
	uint32_t flags = 0;
	uint64_t before;
	char path[128];

	begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	touch(path);
	install(&f, &c, 0, FILTER_MODE_ON);
	before = filtered_opens(&f);
	look(path);
	CHECK_INT(seen(&f, NULL, NULL), 0);
	CHECK(filtered_opens(&f) > before);
	install(&f, &c, 1, FILTER_MODE_ON);
	look(path);
	CHECK_INT(seen(&f, path, &flags), 1);
	CHECK(!(flags & 1u << EV_HDR_WOULD_DROP));
	c = (struct filter_clause){ .paths = &p, .npaths = 1 };
	install(&f, &c, 1, FILTER_MODE_VERIFY);
	look(path);
	look(path);
	CHECK_INT(seen(&f, path, &flags), 2);
	CHECK(flags & 1u << EV_HDR_WOULD_DROP);
	install(&f, &c, 1, FILTER_MODE_OFF);
	flags = 0;
	look(path);
	CHECK_INT(seen(&f, path, &flags), 1);
	CHECK(!(flags & 1u << EV_HDR_WOULD_DROP));
	f.generation = 77;
	CHECK_INT(probe_set_generation(f.l.set, 77), 0);
	forget_records(&f);
	look(path);
	CHECK_INT(seen(&f, path, NULL), 1);
	end(&f);
}

/* A verdict of one generation is none of the next. */
static void new_generation_judges_anew(void)
{
	struct filtered f;
	char path[128];

	begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	touch(path);
	for (int i = 0; i < 20; i++) {
		want_one(&f, FILTER_PREFIX, i % 2 ? f.dir : "/nowhere");
		check(&f, path);
	}
	end(&f);
}

/* ---- the ways to be wrong ---- */

struct race {
	char a[160], b[160], other[160];
	volatile bool stop;
	uint32_t count;
};

static void *rename_back_and_forth(void *arg)
{
	struct race *r = arg;

	while (!r->stop) {
		if (rename(r->a, r->other) || rename(r->b, r->a) || rename(r->a, r->b) ||
		    rename(r->other, r->a))
			break;
		r->count++;
	}
	return NULL;
}

static int open_any(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A directory is renamed while files in it are opened: whatever was stored is true of its path, and
 * nothing that is wanted under all its names is missed. */
static void renames_racing_opens(void)
{
	struct filtered f;
	struct race r = { 0 };
	pthread_t t;
	uint32_t opened = 0, judged = 0;
	char base[96], path[192];

	begin(&f, false);
	snprintf(base, sizeof(base), "%s/p", f.dir);
	CHECK_INT(mkdir(base, 0755), 0);
	snprintf(r.a, sizeof(r.a), "%s/aaaa", base);
	snprintf(r.b, sizeof(r.b), "%s/bbbb", base);
	snprintf(r.other, sizeof(r.other), "%s/a-name-that-is-longer-than-what-is-inline-in-it",
		 base);
	CHECK(!mkdir(r.a, 0755) && !mkdir(r.b, 0755));
	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "%s/f%d", i % 2 ? r.a : r.b, i);
		touch(path);
	}
	for (int round = 0; round < 2; round++) {
		/* first one name is wanted, then all are */
		want_one(&f, FILTER_PREFIX, round ? base : r.a);
		r.stop = false;
		CHECK(!pthread_create(&t, NULL, rename_back_and_forth, &r));
		opened = 0;
		for (int i = 0; i < 60000; i++) {
			char name[16];
			int fd;

			snprintf(name, sizeof(name), "f%d", i % 64);
			fd = open_any(i % 3 == 0 ? r.a : i % 3 == 1 ? r.b : r.other, name);
			if (fd < 0)
				continue;
			opened++;
			close(fd);
			if (!(i % 4096))
				live_read(&f.l);
		}
		r.stop = true;
		pthread_join(t, NULL);
		for (int i = 0; i < 64; i++)
			for (int k = 0; k < 3; k++) {
				uint64_t mask;

				snprintf(path, sizeof(path), "%s/f%d",
					 k == 0   ? r.a
					 : k == 1 ? r.b
						  : r.other,
					 i);
				if (!stored(&f, path, &mask))
					continue;
				judged++;
				CHECK(mask == filter_tables_mask(f.block, MIB, false, path));
			}
		if (round)
			CHECK_INT(seen(&f, NULL, NULL), opened);
	}
	printf("# %u renames, %u opens, %u stored verdicts judged again\n", r.count * 4, opened,
	       judged);
	CHECK(r.count > 100 && opened > 1000 && judged > 64);
	end(&f);
}

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		test_skip("mounts: %s", strerror(errno));
}

/* One file by many ways: each path gets its own answer, whatever was stored before. */
static void names_of_one_file(void)
{
	struct filtered f;
	char a[96], b[96], file[128], other[128], link_[128];

	private_mounts();
	begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	CHECK(!mkdir(a, 0755) && !mkdir(b, 0755));
	snprintf(file, sizeof(file), "%s/file", a);
	snprintf(other, sizeof(other), "%s/file", b);
	snprintf(link_, sizeof(link_), "%s/hard", a);
	touch(file);
	CHECK_INT(link(file, link_), 0);
	want_one(&f, FILTER_EXACT, file);
	check(&f, file);
	check(&f, link_);
	CHECK_INT(mount(a, b, NULL, MS_BIND, NULL), 0);
	check(&f, other);
	check(&f, file);
	want_one(&f, FILTER_EXACT, other);
	check(&f, other);
	check(&f, file);
	CHECK_INT(umount2(b, MNT_DETACH), 0);
	CHECK_INT(rmdir(b), 0);
	CHECK_INT(rename(a, b), 0);
	check(&f, other);
	end(&f);
}

static void moved_mounts(void)
{
	struct filtered f;
	char a[96], b[96], file[128], other[128];

	private_mounts();
	begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	CHECK(!mkdir(a, 0755) && !mkdir(b, 0755));
	CHECK_INT(mount("none", a, "tmpfs", 0, NULL), 0);
	snprintf(file, sizeof(file), "%s/file", a);
	snprintf(other, sizeof(other), "%s/file", b);
	touch(file);
	want_one(&f, FILTER_EXACT, other);
	check(&f, file);
	CHECK_INT(mount(a, b, NULL, MS_MOVE, NULL), 0);
	check(&f, other);
	CHECK_INT(mount(b, a, NULL, MS_MOVE, NULL), 0);
	check(&f, file);
	/* the directory that the mount is on gets another name */
	CHECK_INT(rmdir(b), 0);
	CHECK_INT(umount(a), 0);
	CHECK_INT(rename(a, b), 0);
	touch(other);
	check(&f, other);
	end(&f);
}

static void reused_names_and_dentries(void)
{
	struct filtered f;
	char a[96], b[96];

	begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	want_one(&f, FILTER_EXACT, b);
	for (int i = 0; i < 20; i++) {
		touch(a);
		check(&f, a);
		CHECK_INT(rename(a, b), 0);
		check(&f, b);
		CHECK_INT(unlink(b), 0);
	}
	end(&f);
}

static void caches_dropped(void)
{
	struct filtered f;
	char a[96];
	int fd;

	begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	touch(a);
	for (int i = 0; i < 4; i++) {
		want_one(&f, FILTER_SUFFIX, i % 2 ? "/a" : "/b");
		check(&f, a);
		fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "2", 1) != 1)
			test_skip("drop_caches: %s", strerror(errno));
		close(fd);
		check(&f, a);
	}
	end(&f);
}

/* What has no place in the tree, or none any more, is sent. */
static void files_without_a_path(void)
{
	struct filtered f;
	char a[96], proc[64];
	int fd, tree, again;

	private_mounts();
	begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	touch(a);
	want_one(&f, FILTER_EXACT, "/nowhere");
	check(&f, a);
	fd = open(a, O_RDONLY | O_CLOEXEC);
	CHECK_INT(unlink(a), 0);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	forget_records(&f);
	look(proc);
	CHECK_INT(seen(&f, a, NULL), 1);
	close(fd);
	fd = (int)syscall(SYS_memfd_create, "x", 1u);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	forget_records(&f);
	look(proc);
	CHECK_INT(seen(&f, NULL, NULL), 1);
	close(fd);
	touch(a);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, f.dir, 1u | O_CLOEXEC); /* OPEN_TREE_CLONE */
	CHECK(tree >= 0);
	forget_records(&f);
	again = openat(tree, "a", O_RDONLY | O_CLOEXEC);
	CHECK(again >= 0);
	CHECK_INT(seen(&f, NULL, NULL), 1);
	close(again);
	close(tree);
	end(&f);
}

/* Under chroot, the path is the one from the root of the mount namespace. */
static void inside_a_chroot(void)
{
	struct filtered f;
	char a[96];
	int status = 0;
	pid_t child;

	begin(&f, false);
	snprintf(a, sizeof(a), "%s/passwd", f.dir);
	touch(a);
	for (int i = 0; i < 2; i++) {
		want_one(&f, FILTER_EXACT, i ? a : "/passwd");
		child = fork();
		if (!child) {
			if (chroot(f.dir) || chdir("/"))
				_exit(1);
			for (int k = 0; k < 3; k++)
				close(open("/passwd", O_RDONLY | O_CLOEXEC));
			_exit(0);
		}
		waitpid(child, &status, 0);
		CHECK_INT(status, 0);
		live_read(&f.l);
		status = 0;
		for (const struct ev_hdr *h = NULL;
		     (h = live_find(&f.l, h, EV_OPEN, (uint32_t)child));)
			status++;
		CHECK_INT(status, i ? 3 : 0);
	}
	end(&f);
}

static void on_overlayfs(void)
{
	struct filtered f;
	char command[512], lower[128], upper[128];

	private_mounts();
	begin(&f, false);
	CHECK_INT(mount("none", f.dir, "tmpfs", 0, NULL), 0);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir l u w m && echo 1 >l/low && mount -t overlay overlay "
		 "-o lowerdir=l,upperdir=u,workdir=w m 2>/dev/null",
		 f.dir);
	if (system(command))
		test_skip("overlayfs cannot be mounted");
	snprintf(lower, sizeof(lower), "%s/m/low", f.dir);
	snprintf(upper, sizeof(upper), "%s/m/up", f.dir);
	want_one(&f, FILTER_SUFFIX, "/m/low");
	touch(upper);
	check(&f, lower);
	check(&f, upper);
	want_one(&f, FILTER_SUFFIX, "/m/up");
	check(&f, lower);
	check(&f, upper);
	touch(lower); /* copied up */
	check(&f, lower);
	snprintf(command, sizeof(command), "umount %s/m && umount %s", f.dir, f.dir);
	CHECK_INT(system(command), 0);
	end(&f);
}

/* Names of every length, so that every rest of a word is met. */
static void names_of_every_length(void)
{
	struct filtered f;
	char path[512], name[256];

	begin(&f, false);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t expected = 0;

		want_one(&f, FILTER_CONTAINS, i ? "aaaaaaaaaab" : "aaaaaaaaaaaaaaab");
		for (uint32_t len = 1; len < 256; len += len < 70 ? 1 : 37) {
			memset(name, 'a', len);
			name[len - 1] = 'b';
			name[len] = 0;
			snprintf(path, sizeof(path), "%s/%s", f.dir, name);
			touch(path);
			look(path);
			look(path);
			expected += should(&f, path) ? 3 : 0;
			check_stored(&f, path);
		}
		CHECK_INT(seen(&f, NULL, NULL), expected);
	}
	end(&f);
}

/* Paths deeper than what is judged are sent; those above are judged. */
static void deep_paths(void)
{
	struct filtered f;
	char path[1024], *p;
	uint64_t mask;

	begin(&f, false);
	want_one(&f, FILTER_EXACT, "/nowhere");
	p = path + sprintf(path, "%s", f.dir);
	for (uint32_t depth = 3; depth <= FILTER_COMPONENTS + 20; depth++) {
		p += sprintf(p, "/d");
		CHECK_INT(mkdir(path, 0755), 0);
		if (depth % 10 && depth != FILTER_COMPONENTS && depth != FILTER_COMPONENTS + 1)
			continue;
		forget_records(&f);
		look(path);
		look(path);
		CHECK_INT(seen(&f, path, NULL), depth <= FILTER_COMPONENTS ? 0 : 2);
		CHECK(depth <= FILTER_COMPONENTS || !stored(&f, path, &mask));
	}
	end(&f);
}

/* ---- the store of verdicts ---- */

static void full_of_others(void)
{
	struct filtered f;
	struct filter_verdict_set set;
	char path[128];

	begin(&f, false);
	want_one(&f, FILTER_SUFFIX, "7");
	for (uint32_t i = 0; i < FILTER_VERDICT_SETS; i++) {
		for (int k = 0; k < FILTER_WAYS; k++)
			set.way[k] = (struct filter_verdict){ (uint64_t)roll(~0u) << 32 | roll(~0u),
							      roll(2) ? FILTER_WANTED : 0 };
		CHECK_INT(bpf_map_update_elem(f.l.set->maps.fd[MAP_VERDICTS], &i, &set, 0), 0);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "%s/%d", f.dir, i);
		touch(path);
		look(path);
		look(path);
		check_stored(&f, path);
	}
	CHECK_INT(seen(&f, NULL, NULL), 30 * 3);
	end(&f);
}

enum { RIVALS = 12, RIVAL_OPENS = 20000 };

struct rival {
	char (*paths)[128];
	pthread_barrier_t *start;
	uint32_t first;
};

static void *open_in_turn(void *arg)
{
	struct rival *r = arg;

	pthread_barrier_wait(r->start);
	for (uint32_t i = 0; i < RIVAL_OPENS; i++)
		look(r->paths[(r->first + i) % RIVALS]);
	return NULL;
}

/* More paths than ways in one set of the store, from two threads. */
static void fought_over(void)
{
	static char paths[RIVALS][128];
	struct filtered f;
	struct rival r[2];
	pthread_barrier_t start;
	pthread_t t[2];
	uint32_t n = 0, index = 0, wanted = 0;

	begin(&f, false);
	want_one(&f, FILTER_SUFFIX, "w");
	for (uint32_t i = 0; n < RIVALS; i++) {
		uint64_t s;

		snprintf(paths[n], sizeof(paths[n]), "%s/%u%c", f.dir, i, n % 3 ? 'x' : 'w');
		s = filter_tables_signature(f.block, paths[n]);
		if (n && ((s >> 40) & (FILTER_VERDICT_SETS - 1)) != index)
			continue;
		index = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
		n++;
	}
	for (uint32_t i = 0; i < RIVALS; i++)
		touch(paths[i]);
	forget_records(&f);
	pthread_barrier_init(&start, NULL, 2);
	for (uint32_t i = 0; i < 2; i++) {
		r[i] = (struct rival){ paths, &start, i * 5 };
		CHECK(!pthread_create(&t[i], NULL, open_in_turn, &r[i]));
	}
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (uint32_t i = 0; i < 2 * RIVAL_OPENS; i++) /* the threads' turns */
		wanted += !((i % RIVAL_OPENS + (i / RIVAL_OPENS) * 5) % RIVALS % 3);
	CHECK_INT(seen(&f, NULL, NULL), wanted);
	for (uint32_t i = 0; i < RIVALS; i++) {
		uint64_t mask;

		if (stored(&f, paths[i], &mask))
			CHECK(mask == filter_tables_mask(f.block, MIB, false, paths[i]));
	}
	end(&f);
}

/* A pair of words that two writers left of one another belongs to no path. */
static void torn_pairs_are_nobodys(void)
{
	struct filtered f;
	struct filter_verdict_set set = { 0 };
	char path[128];
	uint64_t s;
	uint32_t at;

	begin(&f, false);
	want_one(&f, FILTER_SUFFIX, "w");
	snprintf(path, sizeof(path), "%s/w", f.dir);
	touch(path);
	s = filter_tables_signature(f.block, path);
	at = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
	for (int i = 0; i < FILTER_WAYS; i++) /* its own first word, another's second one */
		set.way[i] = (struct filter_verdict){ s ^ FILTER_WANTED, 0 };
	CHECK_INT(bpf_map_update_elem(f.l.set->maps.fd[MAP_VERDICTS], &at, &set, 0), 0);
	check(&f, path);
	end(&f);
}

static const struct test tests[] = {
	TEST(patterns_by_words),
	TEST(patterns_by_probe_reads),
	TEST(conditions_on_the_rest),
	TEST(modes_and_generations),
	TEST(new_generation_judges_anew),
	TEST(renames_racing_opens),
	TEST(names_of_one_file),
	TEST(moved_mounts),
	TEST(reused_names_and_dentries),
	TEST(caches_dropped),
	TEST(files_without_a_path),
	TEST(inside_a_chroot),
	TEST(on_overlayfs),
	TEST(names_of_every_length),
	TEST(deep_paths),
	TEST(full_of_others),
	TEST(fought_over),
	TEST(torn_pairs_are_nobodys),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
