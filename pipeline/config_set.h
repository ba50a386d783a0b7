/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Inside of the configuration: shared by config.c (defaults, outputs, life), config_yaml.c (the
 * file), config_args.c (the command line) and config_docs.c (the reference).
 */
#ifndef TOCSIN_CONFIG_SET_H
#define TOCSIN_CONFIG_SET_H

#include "pipeline/config.h"

enum { CONFIG_ERR = 320 };

/* What is not a member of struct config: rows for help and for the command line alone. */
enum config_special { SPECIAL_CONFIG, SPECIAL_OUTPUT, SPECIAL_ENRICH, SPECIAL_MAX };
extern const struct option config_special[];

/* The table with this key, or NULL. */
const struct option *config_table_of(struct str key);
/* One option of the tables from text; `item`: one item of a list, commas and all. Checks also
 * what the tables cannot say (kinds, powers of two). 0, or negative errno with err. */
int config_set(struct config *c, struct str key, struct str value, bool item, char *err, size_t err_len);
/* Lists hold what the file said: the command line's replace them. */
void config_set_done(struct config *c);

/* An output with its defaults, not yet in c. Free it with config_output_free unless added. */
int config_output_new(struct config_output *out, struct str sink, char *err, size_t err_len);
int config_output_add(struct config *c, struct config_output *out, char *err, size_t err_len);
void config_output_free(struct config_output *out);
void config_outputs_clear(struct config *c);

/* Index into enrichers[], or -ENOENT with err. */
int config_enricher_find(struct str name, char *err, size_t err_len);

#endif
