/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * yaml_load: a regular file of bounded size, read whole.
 */
#include <errno.h>

#include "pipeline/slurp.h"
#include "pipeline/yaml.h"

int yaml_load(struct yaml_doc **out, const char *file, struct diags *d)
{
	struct buf b = { 0 };
	char why[200];
	int err = slurp(file, YAML_MAX_BYTES, &b, why, sizeof(why));

	if (err)
		diag_add(d, file, 0, 0, "%s", why);
	else
		err = yaml_parse(out, file, (struct str){ b.p, (uint32_t)b.len }, d);
	buf_free(&b);
	return err;
}
