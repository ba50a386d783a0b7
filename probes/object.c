/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * BPF objects through libbpf. With kernel.c (which reads the kernel's BTF) the only user of it.
 * The thread that loads owns everything here; links and programs live until object_free.
 *
 * libbpf says what went wrong only in its log, so the log of a load is read while it is written:
 * which program was at fault, and the verifier's last word on it.
 */
#include "probes/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/filter_abi.h"
#include "pipeline/util.h"

struct object {
	struct bpf_object *bpf;
	struct shared_maps *maps;
	struct bpf_link *links[OBJECT_PROGRAMS];
	uint32_t nlinks;
};

static const char *const shared_names[SHARED_MAPS] = {
	[MAP_EVENTS] = "events",
	[MAP_CPUS] = "cpus",
	[MAP_CONTROL] = "control",
	[MAP_SCRATCH] = "scratch",
	[MAP_DISPATCH] = "dispatch",
	[MAP_FILTER] = "filter",
	[MAP_VERDICTS] = "verdicts",
	[MAP_DIRS] = "dirs",
	[MAP_CGROUPS] = "filter_cgroups",
	[MAP_SEEN] = ".data.seen",
	[MAP_MARKS] = "marks",
	[MAP_LINEAGES] = "lineages",
	[MAP_SEEN_WORDS] = ".bss.seen",
	[MAP_DROPPED] = ".bss.dropped",
	[MAP_KNOWN_PEERS] = ".data.known",
	[MAP_PEERS_DROPPED] = ".bss.peers",
};

/* Where libbpf's messages of the call at work go; the callback has no context of its own. */
static _Thread_local struct object_error *capture;

/* One line of plain text. */
static void set_reason(struct object_error *e, const char *text, size_t len)
{
	size_t n = MIN(len, sizeof(e->reason) - 1);

	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	for (size_t i = 0; i < n; i++)
		e->reason[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : ' ';
	e->reason[n] = 0;
}

static void note_program(struct object_error *e, const char *text)
{
	const char *p = strstr(text, "prog '"), *end;

	if (!p || e->program[0])
		return;
	p += strlen("prog '");
	end = strchr(p, '\'');
	if (!end || (size_t)(end - p) >= sizeof(e->program))
		return;
	memcpy(e->program, p, (size_t)(end - p));
	e->program[end - p] = 0;
}

/* The line of a verifier log that says why: the last one before the statistics. */
static bool note_verifier(struct object_error *e, const char *text)
{
	const char *log = strstr(text, "BEGIN PROG LOAD LOG"), *end, *line;

	log = log ? strchr(log, '\n') : NULL;
	if (!log)
		return false;
	end = strstr(log, "-- END PROG LOAD LOG");
	if (!end)
		end = log + strlen(log);
	while (end > log) {
		while (end > log && end[-1] == '\n')
			end--;
		for (line = end; line > log && line[-1] != '\n'; line--)
			;
		if (line < end && strncmp(line, "processed ", 10) &&
		    strncmp(line, "verification time", 17) && strncmp(line, "stack depth", 11) &&
		    strncmp(line, "max_states", 10)) {
			set_reason(e, line, (size_t)(end - line));
			return true;
		}
		end = line;
	}
	return false;
}

static void note_message(struct object_error *e, const char *text)
{
	bool blames;

	if (!strncmp(text, "libbpf: ", 8))
		text += 8;
	blames = strstr(text, "prog '") != NULL;
	if (blames)
		note_program(e, text);
	if (note_verifier(e, text))
		return;
	/* The first message is nearest to the cause; one that names a program is nearer still. */
	if (!e->reason[0] || (blames && strncmp(e->reason, "prog '", 6) && !e->program[0]))
		set_reason(e, text, strcspn(text, "\n"));
}

static int on_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	CLEANUP_FREE char *text = NULL;

	if (level != LIBBPF_WARN || !capture)
		return 0;
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return 0;
	}
	note_message(capture, text);
	return 0;
}

static void capture_begin(struct object_error *e)
{
	memset(e, 0, sizeof(*e));
	libbpf_set_print(on_message);
	capture = e;
}

/* Ends a capture; rc tells what there is no message for. Returns rc. */
static int capture_end(struct object_error *e, int rc)
{
	char text[OBJECT_REASON];

	capture = NULL;
	if (!rc || e->reason[0])
		return rc;
	snprintf(text, sizeof(text), "%s", strerror(-rc));
	set_reason(e, text, strlen(text));
	return rc;
}

uint32_t object_possible_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? (uint32_t)n : 1;
}

void shared_maps_init(struct shared_maps *m, uint32_t ring_bytes, uint32_t ncpu)
{
	for (int i = 0; i < SHARED_MAPS; i++)
		m->fd[i] = -1;
	m->ring_bytes = ring_bytes;
	m->ncpu = ncpu;
	m->failed = 0;
}

void shared_maps_close(struct shared_maps *m)
{
	for (int i = 0; i < SHARED_MAPS; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
		m->fd[i] = -1;
	}
}

int shared_maps_map(const struct shared_maps *m, int which, size_t bytes, void **out)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd[which], 0);

	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

static int make_block(const struct shared_maps *m)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "filter_block", sizeof(uint32_t), m->filter_bytes,
			      1, NULL);
}

void shared_maps_make_filter(struct shared_maps *m, uint32_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int block, rc;

	m->filter_bytes = bytes ? bytes : FILTER_BYTES_MIN;
	while ((block = make_block(m)) == -E2BIG && m->filter_bytes > FILTER_BYTES_MIN)
		m->filter_bytes /= 2;
	if (block < 0) {
		m->failed = block;
		return;
	}
	opts.inner_map_fd = (uint32_t)block;
	rc = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, shared_names[MAP_FILTER], sizeof(uint32_t),
			    sizeof(uint32_t), FILTER_SLOTS, &opts);
	m->fd[MAP_FILTER] = rc < 0 ? -1 : rc;
	m->failed = MIN(rc, 0);
	close(block);
}

int shared_maps_filter_block(const struct shared_maps *m, const void *block)
{
	int fd = make_block(m), rc;
	uint32_t zero = 0;

	rc = fd < 0 ? fd : bpf_map_update_elem(fd, &zero, block, BPF_ANY);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

int shared_maps_set_filter(const struct shared_maps *m, uint32_t slot, int block)
{
	if (block < 0)
		return bpf_map_delete_elem(m->fd[MAP_FILTER], &slot);
	return bpf_map_update_elem(m->fd[MAP_FILTER], &slot, &block, BPF_ANY);
}

static uint32_t shared_entries(const struct shared_maps *m, int which, const struct bpf_map *map)
{
	switch (which) {
	case MAP_EVENTS: return m->ring_bytes;
	case MAP_CPUS:
	case MAP_SCRATCH: return bpf_map__max_entries(map) * m->ncpu;
	default: return bpf_map__max_entries(map);
	}
}

static int make_shared(struct shared_maps *m, int which, const struct bpf_map *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = bpf_map__map_flags(map));
	int fd = bpf_map_create(bpf_map__type(map), shared_names[which], bpf_map__key_size(map),
				bpf_map__value_size(map), shared_entries(m, which, map), &opts);

	if (fd < 0) {
		m->failed = fd;
		return fd;
	}
	m->fd[which] = fd;
	return 0;
}

static int share_maps(struct bpf_object *bpf, struct shared_maps *m, struct object_error *e)
{
	struct bpf_map *map;
	int rc;

	for (int i = 0; i < SHARED_MAPS; i++) {
		map = bpf_object__find_map_by_name(bpf, shared_names[i]);
		if (!map || (i == MAP_MARKS && m->fd[i] < 0))
			continue; /* task storage needs types, which libbpf gives it */
		rc = m->fd[i] >= 0 ? 0 : make_shared(m, i, map);
		rc = rc ? rc : bpf_map__reuse_fd(map, m->fd[i]);
		if (rc) {
			snprintf(e->reason, sizeof(e->reason), "map %s: %s", shared_names[i],
				 strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* What libbpf has made for the first object that has it. */
static int adopt_marks(struct bpf_object *bpf, struct shared_maps *m)
{
	struct bpf_map *map = bpf_object__find_map_by_name(bpf, shared_names[MAP_MARKS]);
	int fd;

	if (!map || m->fd[MAP_MARKS] >= 0)
		return 0;
	fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	m->fd[MAP_MARKS] = fd;
	return 0;
}

static int set_cfg(struct bpf_object *bpf, const struct bpf_cfg *cfg, struct object_error *e)
{
	struct bpf_map *map = bpf_object__find_map_by_name(bpf, ".rodata.cfg");
	int rc;

	if (!map)
		return 0;
	rc = bpf_map__set_initial_value(map, cfg, sizeof(*cfg));
	if (rc)
		snprintf(e->reason, sizeof(e->reason),
			 "configuration of %zu bytes, not %zu: built from another version",
			 sizeof(*cfg), (size_t)bpf_map__value_size(map));
	return rc;
}

static int choose_programs(struct bpf_object *bpf, const struct object_request *req,
			   struct object_error *e)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, bpf) bpf_program__set_autoload(p, false);
	for (uint32_t i = 0; i < req->nprograms; i++) {
		p = bpf_object__find_program_by_name(bpf, req->programs[i]);
		if (!p) {
			snprintf(e->program, sizeof(e->program), "%s", req->programs[i]);
			snprintf(e->reason, sizeof(e->reason), "object %s has no program %s",
				 req->name, req->programs[i]);
			return -ENOENT;
		}
		bpf_program__set_autoload(p, true);
	}
	return 0;
}

static int prepare(struct object *o, const struct object_request *req, struct object_error *e)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = req->name);
	int rc;

	o->bpf = bpf_object__open_mem(req->elf, req->len, &opts);
	if (!o->bpf)
		return errno ? -errno : -EINVAL;
	o->maps = req->maps;
	rc = choose_programs(o->bpf, req, e);
	rc = rc ? rc : share_maps(o->bpf, req->maps, e);
	return rc ? rc : set_cfg(o->bpf, req->cfg, e);
}

int object_load(struct object **out, const struct object_request *req, struct object_error *e)
{
	struct object *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return -ENOMEM;
	capture_begin(e);
	rc = prepare(o, req, e);
	rc = rc ? rc : bpf_object__load(o->bpf);
	rc = rc ? rc : adopt_marks(o->bpf, req->maps);
	if (capture_end(e, rc)) {
		object_free(o);
		return rc;
	}
	*out = o;
	return 0;
}

void object_detach(struct object *o)
{
	if (!o)
		return;
	while (o->nlinks)
		bpf_link__destroy(o->links[--o->nlinks]);
}

void object_free(struct object *o)
{
	if (!o)
		return;
	object_detach(o);
	bpf_object__close(o->bpf);
	free(o);
}

bool object_is_cgroup(const struct object *o, const char *program)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, program);

	switch (p ? bpf_program__type(p) : BPF_PROG_TYPE_UNSPEC) {
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SKB: return true;
	default: return false;
	}
}

static bool is_iterator(const struct bpf_program *p)
{
	return bpf_program__expected_attach_type(p) == BPF_TRACE_ITER;
}

int object_attach(struct object *o, const char *program, int cgroup_fd, struct object_error *e)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, program);
	struct bpf_link *link;

	if (!p || o->nlinks == OBJECT_PROGRAMS)
		return -ENOENT;
	if (is_iterator(p))
		return 0;
	capture_begin(e);
	link = object_is_cgroup(o, program) ? bpf_program__attach_cgroup(p, cgroup_fd)
					    : bpf_program__attach(p);
	if (!link)
		return capture_end(e, errno ? -errno : -EINVAL);
	capture_end(e, 0);
	o->links[o->nlinks++] = link;
	return 0;
}

int object_program(const struct object *o, const char *program)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, program);

	return p ? bpf_program__fd(p) : -ENOENT;
}

int object_fill_slot(struct object *o, const char *program, uint32_t slot, struct object_error *e)
{
	int fd = object_program(o, program), rc;

	if (fd < 0)
		return -ENOENT;
	capture_begin(e);
	rc = bpf_map_update_elem(o->maps->fd[MAP_DISPATCH], &slot, &fd, BPF_ANY);
	return capture_end(e, rc);
}

static int read_to_end(int fd)
{
	char text[4096];
	ssize_t n;

	do
		n = read(fd, text, sizeof(text));
	while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	return n < 0 ? -errno : 0;
}

int object_iterate(struct object *o, const char *program)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, program);
	struct object_error e;
	struct bpf_link *link;
	int fd, rc;

	if (!p || !is_iterator(p))
		return -ENOENT;
	capture_begin(&e);
	link = bpf_program__attach_iter(p, NULL);
	if (!link)
		return capture_end(&e, errno ? -errno : -EINVAL);
	fd = bpf_iter_create(bpf_link__fd(link));
	rc = fd < 0 ? -errno : read_to_end(fd);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return capture_end(&e, rc);
}
