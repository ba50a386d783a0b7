/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's side of a probe set: which block the programs look things up in, and what
 * they are told of cgroups. Blocks change in the thread that reloads policies.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/filter_abi.h"
#include "pipeline/util.h"
#include "probes/set.h"

enum { PUT_TRIES = 8 };

uint32_t probe_set_filter_bytes(const struct probe_set *p)
{
	return p->maps.filter_bytes;
}

/* Marks every task for the block in FILTER_NEXT. Where that is not possible, or a task is not
 * reached, its marks are unknown and its events wanted. */
static void mark_tasks(struct probe_set *p)
{
	/* Twice: the kernel may have no memory at hand for a task's storage the first time. */
	static const char *const scans[] = { "mark_task", "mark_task", "mark_task_ancestors" };

	for (size_t i = 0; i < ARRAY_LEN(scans); i++)
		for (uint32_t k = 0; k < p->nprobes; k++)
			if (p->probes[k].object)
				object_iterate(p->probes[k].object, scans[i]);
}

static void empty_next(struct probe_set *p)
{
	if (p->has_next && !shared_maps_set_filter(&p->maps, FILTER_NEXT, -1))
		p->has_next = false;
}

/* Where it is not possible, the scans find what they can. */
static void tell_processes(const struct probe_set *p, const struct filter_processes *l)
{
	uint32_t n = l->count;

	if (n && p->maps.fd[MAP_LINEAGES] >= 0)
		bpf_map_update_batch(p->maps.fd[MAP_LINEAGES], l->keys, l->values, &n, NULL);
}

static void forget_processes(const struct probe_set *p, const struct filter_processes *l)
{
	if (p->maps.fd[MAP_LINEAGES] < 0)
		return;
	for (uint32_t i = 0; i < l->count; i++)
		bpf_map_delete_elem(p->maps.fd[MAP_LINEAGES], &l->keys[i]);
}

static void mark_all(struct probe_set *p, const struct filter_block *head,
		     const struct probe_ask *ask)
{
	struct filter_processes l = { 0 };

	if (ask && head->marks)
		ask->processes(ask->arg, head, &l);
	tell_processes(p, &l);
	mark_tasks(p);
	forget_processes(p, &l);
	free(l.keys);
	free(l.values);
}

/* Puts the block into the slot, with the epoch of cgroups. What renames one meanwhile sees the block
 * or does not, and has ended when the slot is changed: if there was one, the block is put anew. The
 * last try has an epoch of no cgroup, which are all unknown then until the next rename. */
static int put_block(struct probe_set *p, struct filter_block *block, uint32_t slot, int *fd)
{
	uint32_t epoch, tries = PUT_TRIES;
	int rc;

	block->verdict = filter_verdict(block);
	do {
		if (*fd >= 0)
			close(*fd);
		epoch = probe_set_cgroup_epoch(p);
		block->cgroups = FILTER_STAMP(block->generation, --tries ? epoch : ~epoch);
		*fd = shared_maps_filter_block(&p->maps, block);
		rc = *fd < 0 ? *fd : shared_maps_set_filter(&p->maps, slot, *fd);
	} while (!rc && tries && epoch != probe_set_cgroup_epoch(p));
	return rc;
}

/* By which keys the masks of paths are known again (bpf/seen.h); none while block is NULL, and where it
 * does not decide about opens by its tables. */
static int set_seen(struct probe_set *p, const struct filter_block *block)
{
	struct filter_seen seen = { 0 };
	uint32_t zero = 0;

	if (p->maps.fd[MAP_SEEN] < 0)
		return 0;
	if (block && block->mode == FILTER_MODE_ON && block->kinds[EV_OPEN] == FILTER_KIND_TABLES &&
	    (p->want & 1ULL << EV_OPEN))
		seen = (struct filter_seen){ block->keys, block->generation, 0 };
	return bpf_map_update_elem(p->maps.fd[MAP_SEEN], &zero, &seen, 0);
}

/* Empties what the masks of paths are kept in, while no program looks for any there. */
static int empty_seen(struct probe_set *p)
{
	void *words;
	int rc;

	if (p->maps.fd[MAP_SEEN_WORDS] < 0)
		return 0;
	rc = shared_maps_map(&p->maps, MAP_SEEN_WORDS, FILTER_SEEN_BYTES, &words);
	if (rc)
		return rc;
	memset(words, 0, FILTER_SEEN_BYTES);
	munmap(words, FILTER_SEEN_BYTES);
	return 0;
}

/* By which keys answers about peers are known again (bpf/filter_known.h); as above. */
static int set_known(struct probe_set *p, const struct filter_block *b)
{
	struct filter_known_peers known = { 0 };
	uint32_t zero = 0;

	if (p->maps.fd[MAP_KNOWN_PEERS] < 0)
		return 0;
	if (b && b->mode != FILTER_MODE_OFF &&
	    (b->kinds[EV_CONNECT] == FILTER_KIND_TABLES ||
	     b->kinds[EV_ACCEPT] == FILTER_KIND_TABLES)) {
		known.keys = b->keys;
		known.verdict = filter_verdict(b);
	}
	return bpf_map_update_elem(p->maps.fd[MAP_KNOWN_PEERS], &zero, &known, 0);
}

/* What programs find without asking the block in force. */
static int set_short_ways(struct probe_set *p, const struct filter_block *block)
{
	int rc = set_seen(p, block);

	return rc ? rc : set_known(p, block);
}

/* Connects and accepts that were dropped. */
static uint64_t dropped_peers(const struct probe_set *p, uint32_t kind)
{
	CLEANUP_FREE struct filter_peer_counter *c = calloc(FILTER_COUNTERS, sizeof(*c));
	uint32_t zero = 0;
	uint64_t n = 0;

	if (!c || p->maps.fd[MAP_PEERS_DROPPED] < 0 ||
	    bpf_map_lookup_elem(p->maps.fd[MAP_PEERS_DROPPED], &zero, c))
		return 0;
	for (int i = 0; i < FILTER_COUNTERS; i++)
		n += kind == EV_CONNECT ? c[i].connects : c[i].accepts;
	return n;
}

/* Opens that the short way dropped are counted apart. */
static uint64_t dropped_by_seen(const struct probe_set *p)
{
	CLEANUP_FREE struct filter_counter *c = calloc(FILTER_COUNTERS, sizeof(*c));
	uint32_t zero = 0;
	uint64_t n = 0;

	if (!c || p->maps.fd[MAP_DROPPED] < 0 ||
	    bpf_map_lookup_elem(p->maps.fd[MAP_DROPPED], &zero, c))
		return 0;
	for (int i = 0; i < FILTER_COUNTERS; i++)
		n += c[i].n;
	return n;
}

uint64_t probe_set_filtered(const struct probe_set *p, uint32_t kind)
{
	uint64_t n = 0;

	if (kind == EV_OPEN)
		n = dropped_by_seen(p);
	else if (kind == EV_CONNECT || kind == EV_ACCEPT)
		n = dropped_peers(p, kind);
	for (uint32_t i = 0; kind < EV_MAX && i < p->ncpu; i++)
		n += ((volatile struct cpu_state *)p->cpus)[i].filtered[kind];
	return n;
}

/* The programs learn by an open of the agent's own what its root is (seen_home in bpf/seen.h). */
static void show_home(void)
{
	CLEANUP_CLOSE int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)fd;
}

/* The kernel returns from the change of a slot when every program that could have seen the block
 * before has ended, so their records are in the ring. That takes it 10 to 20 ms, so FILTER_NEXT is not
 * emptied when its block has come into force (filter_abi.h). */
int probe_set_tables(struct probe_set *p, void *block, const struct probe_ask *ask)
{
	CLEANUP_CLOSE int fd = -1;
	const struct filter_block *head = block;
	bool scan = head->mode != FILTER_MODE_OFF && (head->marks || !p->scanned);
	int rc = scan ? 0 : set_short_ways(p, NULL);

	rc = rc ? rc : put_block(p, block, scan ? FILTER_NEXT : FILTER_NOW, &fd);
	if (!rc && scan) {
		p->has_next = true;
		mark_all(p, head, ask);
		rc = set_short_ways(p, NULL);
		rc = rc ? rc : shared_maps_set_filter(&p->maps, FILTER_NOW, fd);
		p->scanned = !rc;
	}
	if (rc || !scan)
		empty_next(p);
	rc = rc ? rc : empty_seen(p);
	rc = rc ? rc : set_short_ways(p, head);
	show_home();
	return rc;
}

int probe_set_generation(struct probe_set *p, uint32_t generation)
{
	CLEANUP_FREE struct filter_block *block = calloc(1, p->maps.filter_bytes);

	if (!block)
		return -ENOMEM;
	block->generation = generation;
	block->mode = FILTER_MODE_OFF;
	return probe_set_tables(p, block, NULL);
}

uint32_t probe_set_cgroup_epoch(const struct probe_set *p)
{
	return __atomic_load_n(&p->control->cgroup_epoch, __ATOMIC_ACQUIRE);
}

int probe_set_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id,
		     const struct filter_cgroup *c)
{
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);

	if (p->maps.fd[MAP_CGROUPS] < 0)
		return -ENOENT;
	return bpf_map_update_elem(p->maps.fd[MAP_CGROUPS], &key, c, BPF_ANY);
}

void probe_set_forget_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id)
{
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);

	if (p->maps.fd[MAP_CGROUPS] >= 0)
		bpf_map_delete_elem(p->maps.fd[MAP_CGROUPS], &key);
}
