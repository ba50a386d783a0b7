/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Configuration of `run` and `replay`: defaults, then the YAML file of --config, then the command
 * line. All three go through the option tables of config_table, of the sinks and of the
 * enrichers: a row is an option, a key of the file, a line of --help and of docs/config.md.
 * Main thread, at start; constant afterwards.
 */
#ifndef TOCSIN_CONFIG_H
#define TOCSIN_CONFIG_H

#include "enrichers/enricher.h"
#include "pipeline/diag.h"
#include "pipeline/egress.h"

enum config_command { CONFIG_RUN, CONFIG_REPLAY };
enum failed_opens { FAILED_OPENS_POLICY, FAILED_OPENS_ALWAYS, FAILED_OPENS_NEVER };

enum { CONFIG_OUTPUTS_MAX = 16 };

#define CONFIG_CONTROL "/run/tocsin/control.sock"

struct config_output {
	const struct sink *sink;
	void *cfg;			/* sink->cfg_size bytes */
	struct egress_cfg queue;
	char *name;			/* unique: "file", the second one "file-2" */
};

struct config {
	/* run and replay */
	struct opt_list policies;	/* never empty after config_finish */
	struct opt_list record;		/* as written; record_kinds says what it means */
	uint32_t log_level;		/* enum log_level */
	uint64_t latency_ns;		/* a batch waits no longer for its next document */
	uint64_t shutdown_timeout_ns;
	const char *stats_json;		/* NULL: none */
	/* run alone */
	const char *data_dir;
	uint64_t ring_bytes;		/* a power of two */
	uint64_t gather_ns;		/* how long events gather in the ring while they come fast */
	uint64_t args_max, env_max;
	uint32_t failed_opens;		/* enum failed_opens */
	uint32_t filter;		/* enum filtering_mode */
	uint64_t filter_bytes;
	uint32_t typed_loads;
	uint64_t duration_ns;		/* 0: until a signal */
	uint64_t stats_interval_ns;	/* 0: only at the end */
	const char *save;		/* NULL: do not */
	const char *control;		/* socket that takes commands; "": none */

	/* Made from the above and from what the tables do not hold. */
	uint64_t record_kinds;		/* bit per enum ev_kind */
	uint64_t named_kinds;		/* of these, those named one by one, not by `all` */
	bool shipped_policies;		/* none was named */
	struct config_output outputs[CONFIG_OUTPUTS_MAX];
	uint32_t noutputs;
	void **enricher_cfg;		/* parallel to enrichers[]; an entry without options is NULL */
	const char *config_file;	/* of --config; NULL: none */
	const char *input;		/* replay: FILE */
};

/* Options that are members of struct config, by command; replay has those of table 0 alone.
 * Beside them: --config, --output (`outputs` in the file), --enrich (`enrichers`), --help. */
enum { CONFIG_TABLES = 2 };
extern const struct option *const config_tables[CONFIG_TABLES];

/* Defaults into a zeroed c. 0 or -ENOMEM (c can be freed). */
int config_defaults(struct config *c);
/* A file, or its text. All problems go to d; 0, or -EINVAL when there are any. */
int config_load_file(struct config *c, const char *path, struct diags *d);
int config_load_text(struct config *c, const char *file, struct str text, struct diags *d);
/* argv[0] is the command's name. Reads the file of --config first, wherever it stands. What the
 * command line names replaces the file's: lists and outputs as a whole. All problems go to d;
 * 0; 1: --help was asked for; -EINVAL: there are problems. */
int config_args(struct config *c, enum config_command cmd, int argc, char **argv, struct diags *d);
/* What is still open: default outputs (replay: standard output alone), shipped policies. */
int config_finish(struct config *c, enum config_command cmd, struct diags *d);
void config_free(struct config *c);

/* All of it for a command. 0: go on. 1: help was printed, exit 0. Negative errno: the problems
 * were printed to standard error, exit 2. c can be freed in every case. */
int config_setup(struct config *c, enum config_command cmd, int argc, char **argv);

/* Adds an output given as on the command line: SINK[:key=value,…]. 0, or negative errno with err. */
int config_add_output(struct config *c, struct str text, char *err, size_t err_len);
/* cfg struct of an enricher, or NULL. */
void *config_enricher(const struct config *c, const char *name);
/* Directory of the policies the product ships: beside the program that runs, installed or not. */
int config_shipped_dir(char *out, size_t len);

#endif
