/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The schema for people and for other programs: what `tocsin schema` prints and `make docs`
 * writes to docs/events.md. All of it comes from the tables.
 */
#ifndef TOCSIN_SCHEMA_DOC_H
#define TOCSIN_SCHEMA_DOC_H

#include <stdio.h>

#include "pipeline/schema.h"

/* Each returns 0, -EIO when f had an error, or -ENOMEM. */
int schema_print_markdown(FILE *f);
int schema_print_json(FILE *f); /* JSON Schema, draft 2020-12, of one document of any kind */
int schema_print_table(FILE *f); /* kind, path, type; one line a field, tab separated */

/* "string", "integer", … of a field, in words of JSON. */
const char *schema_json_type(const struct field *f);

#endif
