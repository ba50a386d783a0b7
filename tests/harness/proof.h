/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Recorded streams under policies, judged by the kernel filter's own programs through BPF_PROG_RUN
 * (tests/bpf/programs/verdict.bpf.c). A test asks the program about each event of the kinds it is
 * about; what the kernel would not send goes to one of two policy engines only, and in the end both
 * must have told and counted the same. Functions fail the test on what must not be.
 *
 * The calling task is dressed as the one of the record: ids, name, marks of its program and
 * ancestors, sets of its cgroup.
 */
#ifndef TOCSIN_TEST_PROOF_H
#define TOCSIN_TEST_PROOF_H

#include "pipeline/filter/classify.h"
#include "pipeline/filter/tables.h"
#include "probes/object.h"
#include "tests/bpf/programs/verdict.h"
#include "tests/harness/policymaker.h"

enum { PROOF_BYTES = 1 << 20, PROOF_PROGRAMS = 4096, PROOF_CGROUPS = 256 };

struct proof;
struct policy_set;

struct proof_cfg {
	const uint8_t *elf, *elf_end; /* verdict.bpf.o */
	const char *program; /* that judges */
	uint64_t kinds; /* which are judged: bit per enum ev_kind; the others are always sent */
	/* Would the kernel send it? e is of these kinds; facts are what the task wears. */
	bool (*sends)(struct proof *p, struct event *e, const struct filter_facts *facts);
};

struct proof_tally {
	uint64_t events, plain, dropped, wanted; /* wanted: by a policy */
};

struct proof {
	const struct proof_cfg *cfg;
	struct shared_maps maps;
	struct object *object;
	int program;
	struct policymaker *pm;
	struct proof_tally tally[EV_MAX];
	void *block; /* of the policies at hand, PROOF_BYTES */
	/* the rest is proof.c's */
	int program_program, self_program;
	int self; /* pidfd of the task that is dressed */
	uint64_t self_cgroup; /* its key */
	uint32_t dressed; /* how often its marks were changed */
	struct {
		uint32_t uid, euid;
		struct filter_marks marks;
		struct filter_cgroup cgroup;
	} worn;
	const char *text; /* of the policies, where they are not of files */
	uint32_t generation;
	struct filter *filter;
	struct classify *classify;
	struct policy_engine *whole, *part; /* of all events; of those that are sent */
	struct buf alerts[2]; /* theirs */
	struct {
		uint64_t key, marks; /* key 0: empty */
	} programs[PROOF_PROGRAMS];
	struct {
		uint64_t key;
		struct filter_cgroup c; /* as the agent would have told */
	} cgroups[PROOF_CGROUPS];
	uint32_t ncgroups;
};

/* Skips the test where BPF is not allowed. cfg must outlive p. */
void proof_begin(struct proof *p, const struct proof_cfg *cfg);
void proof_end(struct proof *p);

/* Runs a program of the object. False: it judges no such path. */
bool proof_ask_path(int program, struct verdict_ask *a, const void *rec, const struct ev_ref *path);

/* Plays the stream, up to so many opens. False: no table is asked about any of the kinds, so that
 * there was nothing to prove. */
bool proof_policies(struct proof *p, const char *save, uint32_t opens, const struct policy_set *s);
void proof_files(struct proof *p, const char *save, uint32_t opens, const char *path);
/* So many random sets, out of what the stream has. */
void proof_random(struct proof *p, const char *save, uint32_t opens, uint32_t sets);
/* One policy with this condition. */
void proof_condition(struct proof *p, const char *save, uint32_t opens, const char *kind,
		     const char *where);

/* The recorded scenes (golden.h), under their own policies, the shipped ones and so many random sets. */
void proof_goldens(struct proof *p, const char *dir, uint32_t sets);

/* Prints the tally of a kind, and begins all anew. */
void proof_tell(const struct proof *p, const char *what, uint32_t kind);
void proof_forget(struct proof *p);

#endif
