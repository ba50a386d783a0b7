/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's side of a probe set: which block the programs look things up in, and what
 * they are told of cgroups. Blocks change in the thread that reloads policies.
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "bpf/filter_abi.h"
#include "pipeline/util.h"
#include "probes/set.h"

uint32_t probe_set_filter_bytes(const struct probe_set *p)
{
	return p->maps.filter_bytes;
}

/* The kernel returns from the change of an outer map when every program that could have seen the old
 * inner one has ended, so their records are in the ring. */
int probe_set_tables(struct probe_set *p, const void *block)
{
	return shared_maps_set_filter(&p->maps, block);
}

int probe_set_generation(struct probe_set *p, uint32_t generation)
{
	CLEANUP_FREE struct filter_block *block = calloc(1, p->maps.filter_bytes);

	if (!block)
		return -ENOMEM;
	block->generation = generation;
	block->mode = FILTER_MODE_OFF;
	return probe_set_tables(p, block);
}

int probe_set_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id, uint64_t bits,
		     uint32_t generation)
{
	const struct filter_cgroup c = { .bits = bits, .generation = generation };
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);

	if (p->maps.fd[MAP_CGROUPS] < 0)
		return -ENOENT;
	return bpf_map_update_elem(p->maps.fd[MAP_CGROUPS], &key, &c, BPF_ANY);
}

void probe_set_forget_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id)
{
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);

	if (p->maps.fd[MAP_CGROUPS] >= 0)
		bpf_map_delete_elem(p->maps.fd[MAP_CGROUPS], &key);
}
