/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * documents.h.
 */
#include "pipeline/documents.h"

#include <errno.h>
#include <string.h>

#include "pipeline/docfile.h"

/* json NULL: it is too long. */
static int read_one(struct documents *r, const char *name, uint32_t at, const struct str *json)
{
	char why[COMPOSE_WHY_MAX] = "a document of more than 4 MiB";
	struct decoded d;
	int rc = json ? decode(r->compose, *json, &d, why, sizeof(why)) : -EINVAL;

	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		fprintf(stderr, "%s:%u: %s\n", name, at, why);
		r->bad = true;
		return 0;
	}
	rc = r->fn(r->arg, &d);
	decoded_free(&d);
	return rc;
}

int documents_read(struct documents *r, const char *name)
{
	struct docfile f;
	struct str json;
	uint32_t at = 0;
	int rc = docfile_open(&f, name), err = 0;

	while (!rc && !err && (rc = docfile_next(&f, &json, &at))) {
		if (rc < 0 && rc != -E2BIG)
			break;
		err = read_one(r, name, at, rc > 0 ? &json : NULL);
		rc = 0;
	}
	if (rc) {
		fprintf(stderr, "tocsin %s: %s: %s\n", r->command, name, strerror(-rc));
		r->bad = true;
	}
	docfile_close(&f);
	return err;
}
