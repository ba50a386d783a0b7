/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Probe sets: the life of everything on the kernel side, from the first check to the last close.
 * Main thread; reading, waiting and counters belong to the consumer thread (ring.h).
 */
#include "probes/probe.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/filter_abi.h"
#include "pipeline/util.h"
#include "probes/set.h"
#include "probes/tables.h"

#define ALWAYS_WANTED (KIND(FORK) | KIND(EXEC) | KIND(EXIT) | KIND(TASK) | KIND(CGROUP))

enum { RING_MAX = 1 << 30 };

static int set_alloc(struct probe_set **out, const struct probe *const *list,
		     const struct probe *dispatcher, const struct probe_cfg *cfg)
{
	struct probe_set *s = calloc(1, sizeof(*s));
	uint32_t n = 0;

	while (list[n])
		n++;
	if (s)
		s->probes = calloc(n ? n : 1, sizeof(*s->probes));
	if (!s || !s->probes) {
		free(s);
		return -ENOMEM;
	}
	s->nprobes = n;
	for (uint32_t i = 0; i < n; i++)
		s->probes[i].probe = list[i];
	s->dispatcher.probe = dispatcher;
	s->ncpu = object_possible_cpus();
	shared_maps_init(&s->maps, (uint32_t)cfg->ring_bytes, s->ncpu);
	*out = s;
	return 0;
}

static void fill_cfg(struct bpf_cfg *b, const struct probe_cfg *cfg, const struct kernel *k,
		     uint32_t ncpu, uint32_t filter_bytes)
{
	b->boot_salt = cfg->boot_salt;
	b->self_tgid = cfg->self_tgid == (uint32_t)getpid() ? kernel_own_tgid() : cfg->self_tgid;
	b->args_max = MIN(cfg->args_max, (uint32_t)EV_ARGS_MAX);
	b->env_max = MIN(cfg->env_max, (uint32_t)EV_ARGS_MAX);
	b->ncpu = ncpu;
	b->exit_has_group_dead = kernel_tracepoint_args(k, "sched_process_exit") >= 2;
	b->no_typed_loads = cfg->no_typed_loads;
	b->filter_mask = filter_bytes - 1;
	kernel_v1_stand_in(k, &b->v1_subsys, &b->v1_hierarchy);
}

static void tell_want(struct probe_set *s, bool failed_opens)
{
	__atomic_store_n(&s->control->want, s->want, __ATOMIC_RELAXED);
	__atomic_store_n(&s->control->failed_opens, failed_opens, __ATOMIC_RELEASE);
}

int set_map_control(struct probe_set *s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = NULL;
	int rc;

	if (s->control)
		return 0;
	rc = shared_maps_map(&s->maps, MAP_CONTROL, page, &p);
	if (rc) {
		s->maps.failed = rc;
		return rc;
	}
	s->control = p;
	s->control_bytes = page;
	tell_want(s, s->failed_opens);
	return 0;
}

static int set_map(struct probe_set *s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t cpus = (s->ncpu * sizeof(*s->cpus) + page - 1) & ~(page - 1);
	void *p = NULL;
	int rc;

	rc = shared_maps_map(&s->maps, MAP_CPUS, cpus, &p);
	if (rc)
		return rc;
	s->cpus = p;
	s->cpus_bytes = cpus;
	return ring_open(&s->ring, s->maps.fd[MAP_EVENTS], s->maps.ring_bytes, s->control);
}

/* Why no program runs at all, in one line. */
static int explain_nothing(const struct probe_set *s, char *err, size_t err_len)
{
	int rc = s->maps.failed;

	if (rc == -EPERM)
		snprintf(err, err_len,
			 "the kernel refuses BPF here (%s): not the host's root user?",
			 strerror(-rc));
	else if (rc)
		snprintf(err, err_len, "BPF maps cannot be made: %s", strerror(-rc));
	else
		snprintf(err, err_len, "no probe could be loaded (%s)",
			 s->ncoverage ? s->coverage[0].reason : "there is none");
	return rc ? rc : -ENOTSUP;
}

static int loader_open(struct loader *l, struct probe_set *s, char *err, size_t err_len)
{
	int rc;

	*l = (struct loader){ .set = s, .cgroup_fd = -1 };
	rc = kernel_open(&l->kernel);
	if (!rc)
		return 0;
	snprintf(err, err_len, "the kernel's BTF cannot be read: %s", strerror(-rc));
	return -ENOSYS;
}

static void loader_close(struct loader *l)
{
	if (l->cgroup_fd >= 0)
		close(l->cgroup_fd);
	kernel_free(l->kernel);
	malloc_trim(0); /* the kernel's BTF was tens of megabytes */
}

/* Loads and attaches what is wanted and does not run yet. */
static int load_wanted(struct loader *l, bool scan_first)
{
	struct probe_set *s = l->set;

	load_dispatcher(l);
	for (uint32_t i = 0; i < s->nprobes; i++) {
		load_probe(l, &s->probes[i]);
		/* Processes come first (probes.def): whoever opens or connects is known by then. */
		if (!i && scan_first)
			probe_set_scan_tasks(s);
	}
	start_dispatcher(l);
	return coverage_make(s);
}

static int set_load(struct probe_set *s, const struct probe_cfg *cfg, char *err, size_t err_len)
{
	struct loader l;
	int rc = loader_open(&l, s, err, err_len);

	if (rc)
		return rc;
	shared_maps_make_filter(&s->maps,
				cfg->filter_bytes); /* a failure is told with the others */
	fill_cfg(&s->cfg, cfg, l.kernel, s->ncpu, s->maps.filter_bytes);
	s->want = cfg->want | ALWAYS_WANTED;
	s->named = cfg->named;
	s->failed_opens = cfg->failed_opens;
	rc = load_wanted(&l, cfg->scan_first);
	loader_close(&l);
	if (rc)
		return rc;
	if (s->maps.failed || s->maps.fd[MAP_EVENTS] < 0 || s->maps.fd[MAP_CPUS] < 0 ||
	    s->maps.fd[MAP_CONTROL] < 0)
		return explain_nothing(s, err, err_len);
	return coverage_check(s, err, err_len);
}

static int check_cfg(const struct probe_cfg *cfg, char *err, size_t err_len)
{
	uint64_t n = cfg->ring_bytes;
	uint32_t f = cfg->filter_bytes;

	if (f && (f < FILTER_BYTES_MIN || f > FILTER_BYTES_MAX || f & (f - 1))) {
		snprintf(err, err_len,
			 "room of %u bytes for the filter: a power of two from %d to %d", f,
			 FILTER_BYTES_MIN, FILTER_BYTES_MAX);
		return -EINVAL;
	}
	if (n >= (uint64_t)sysconf(_SC_PAGESIZE) && n <= RING_MAX && !(n & (n - 1)))
		return 0;
	snprintf(err, err_len, "a ring of %llu bytes: it must be a power of two from %ld to %d",
		 (unsigned long long)n, sysconf(_SC_PAGESIZE), RING_MAX);
	return -EINVAL;
}

int probe_set_open_from(struct probe_set **out, const struct probe *const *list,
			const struct probe *dispatcher, const struct probe_cfg *cfg, char *err,
			size_t err_len)
{
	struct probe_set *s = NULL;
	int rc;

	if (err_len)
		err[0] = 0;
	rc = check_cfg(cfg, err, err_len);
	rc = rc ? rc : kernel_check(err, err_len);
	rc = rc ? rc : set_alloc(&s, list, dispatcher, cfg);
	rc = rc ? rc : set_load(s, cfg, err, err_len);
	rc = rc ? rc : set_map(s);
	if (rc) {
		if (err_len && !err[0])
			snprintf(err, err_len, "probes cannot be started: %s", strerror(-rc));
		probe_set_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int probe_check(char *err, size_t err_len)
{
	return kernel_check(err, err_len);
}

int probe_set_open(struct probe_set **out, const struct probe_cfg *cfg, char *err, size_t err_len)
{
	return probe_set_open_from(out, probes, &probe_syscalls, cfg, err, err_len);
}

int probe_set_want(struct probe_set *p, uint64_t want, bool failed_opens, char *err, size_t err_len)
{
	struct loader l;
	int rc;

	want |= ALWAYS_WANTED;
	if (want & ~p->want) {
		rc = loader_open(&l, p, err, err_len);
		if (rc)
			return rc;
		p->want |= want;
		tell_want(p, failed_opens || p->failed_opens);
		load_wanted(&l, false);
		loader_close(&l);
	}
	p->want = want;
	p->failed_opens = failed_opens;
	tell_want(p, failed_opens);
	return coverage_make(p);
}

void probe_set_detach(struct probe_set *p)
{
	object_detach(p->dispatcher.object);
	for (uint32_t i = 0; i < p->nprobes; i++)
		object_detach(p->probes[i].object);
}

void probe_set_free(struct probe_set *p)
{
	if (!p)
		return;
	object_free(p->dispatcher.object);
	for (uint32_t i = 0; i < p->nprobes; i++)
		object_free(p->probes[i].object);
	ring_free(p->ring);
	if (p->cpus)
		munmap(p->cpus, p->cpus_bytes);
	if (p->control)
		munmap(p->control, p->control_bytes);
	shared_maps_close(&p->maps);
	free(p->coverage);
	free(p->probes);
	free(p);
}

const struct coverage *probe_coverage(const struct probe_set *p, uint32_t *n)
{
	*n = p->ncoverage;
	return p->coverage;
}

/* Is the hook that reports running tasks at work? Its program is an iterator. */
int probe_set_scan_tasks(struct probe_set *p)
{
	for (uint32_t i = 0; i < p->nprobes; i++) {
		const struct hook *h = p->probes[i].probe->hooks;

		for (int k = 0; h[k].name; k++)
			if ((h[k].kinds & KIND(TASK)) && p->probes[i].hooks[k].state == HOOK_ACTIVE)
				return object_iterate(p->probes[i].object, h[k].programs[0]);
	}
	return -ENOTSUP;
}

int probe_set_read(struct probe_set *p, probe_record_fn fn, void *ctx, uint32_t max_records)
{
	return ring_read(p->ring, fn, ctx, max_records);
}

int probe_set_wait(struct probe_set *p, int timeout_ms)
{
	return ring_wait(p->ring, timeout_ms);
}

void probe_set_wake(struct probe_set *p)
{
	ring_wake(p->ring);
}

int probe_set_ncpu(const struct probe_set *p)
{
	return (int)p->ncpu;
}

const volatile struct cpu_state *probe_set_cpu(const struct probe_set *p, int cpu)
{
	return cpu >= 0 && (uint32_t)cpu < p->ncpu ? &p->cpus[cpu] : NULL;
}

static uint64_t mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t probe_boot_salt(const char *boot_id_hex)
{
	uint64_t half[2] = { 0, 0 };
	int n = 0, digit;

	for (const char *p = boot_id_hex; *p && n < 32; p++) {
		digit = hex_digit(*p);
		if (digit >= 0) {
			half[n / 16] = half[n / 16] << 4 | (uint64_t)digit;
			n++;
		}
	}
	return mix64(half[0] ^ mix64(half[1]));
}

uint64_t probe_exec_id(uint64_t salt, uint32_t tgid, uint64_t start_ns, uint64_t self_exec_id)
{
	return mix64(mix64(salt ^ start_ns) ^ ((uint64_t)tgid << 32) ^ self_exec_id);
}

const struct probe *const probes[] = {
#define PROBE(stem) &probe_##stem,
#include "probes/probes.def"
#undef PROBE
	NULL,
};
