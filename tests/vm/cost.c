/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Runs a command while programs are attached, to count what they cost in its own context:
 *   cost empty OBJECT COMMAND...   programs that do nothing (empty.bpf.c)
 *   cost off|on N COMMAND...       file.open, the kernel filter off or with N policies on paths,
 *                                  none of which fits
 *   cost slow N COMMAND...         as on, by probe reads instead of typed loads
 * Nobody reads the ring meanwhile: what is sent must fit into its 64 MiB.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/bench/filter_policies.h"
#include "tests/harness/live.h"

enum { BLOCK_BYTES = 4 << 20 };

static int run(char **command)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		execv(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int run_with_empty(const char *file, char **command)
{
	struct bpf_object *o = bpf_object__open_file(file, NULL);
	struct bpf_link *links[16];
	struct bpf_program *p;
	uint32_t n = 0;
	int rc;

	if (!o || bpf_object__load(o)) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		return 1;
	}
	bpf_object__for_each_program(p, o)
	{
		links[n] = bpf_program__attach(p);
		if (!links[n++])
			return 1;
	}
	rc = run(command);
	while (n)
		bpf_link__destroy(links[--n]);
	bpf_object__close(o);
	return rc;
}

static void *make_block(uint32_t n, uint8_t mode)
{
	struct policies p;
	struct filter_report report;
	struct filter_request req = {
		.mode = mode,
		.generation = 1,
		.max_bytes = BLOCK_BYTES,
	};
	void *block = NULL;

	policies_make(&p, n);
	req.kinds[EV_OPEN] = (struct filter_clauses){ p.clauses, n };
	CHECK_INT(filter_tables_make(&block, &req, &report), 0);
	fprintf(stderr, "# %u policies: %u states, %zu bytes, patterns cut to %u bytes\n", n,
		report.states, report.bytes, report.cut);
	free(p.clauses);
	free(p.patterns);
	free(p.texts);
	return block;
}

static int run_with_filter(const char *how, uint32_t n, char **command)
{
	struct probe_cfg cfg = live_defaults;
	uint64_t sent = 0;
	struct probe_set *set;
	void *block = make_block(n, strcmp(how, "off") ? FILTER_MODE_ON : FILTER_MODE_OFF);
	char err[256];
	int rc;

	cfg.want = KIND_BIT(OPEN);
	cfg.ring_bytes = 64 << 20;
	cfg.filter_bytes = BLOCK_BYTES;
	cfg.no_typed_loads = !strcmp(how, "slow");
	cfg.self_tgid = (uint32_t)getpid();
	if (probe_set_open(&set, &cfg, err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	if (!set->coverage[0].hook) {
		fprintf(stderr, "# opens are not seen: %s\n", set->coverage[0].reason);
		return 1;
	}
	CHECK_INT(probe_set_tables(set, block, NULL), 0);
	rc = run(command);
	for (int i = 0; i < probe_set_ncpu(set); i++)
		sent += probe_set_cpu(set, i)->sent[EV_OPEN];
	fprintf(stderr, "# opens: %llu filtered, %llu sent\n",
		(unsigned long long)probe_set_filtered(set, EV_OPEN), (unsigned long long)sent);
	probe_set_free(set);
	free(block);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: cost empty OBJECT COMMAND... | off|on|slow N COMMAND...\n");
		return 2;
	}
	if (!strcmp(argv[1], "empty"))
		return run_with_empty(argv[2], argv + 3);
	return run_with_filter(argv[1], (uint32_t)atoi(argv[2]), argv + 3);
}
