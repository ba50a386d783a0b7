/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Configuration files: any text. What loads must also survive being finished and printed.
 */
#include "pipeline/config.h"

static void print_all(const struct config *c)
{
	struct buf out = { .max = 1 << 20 };

	for (int t = 0; t < CONFIG_TABLES; t++)
		for (const struct option *o = config_tables[t]; o->key; o++)
			option_text(o, c, &out);
	for (uint32_t i = 0; i < c->noutputs; i++)
		for (const struct option *o = c->outputs[i].sink->opts; o->key; o++)
			option_text(o, c->outputs[i].cfg, &out);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	if (size > 1 << 16 || config_defaults(&c))
		return 0;
	if (!config_load_text(&c, "fuzz", (struct str){ (const char *)data, (uint32_t)size }, &d))
		config_finish(&c, CONFIG_RUN, &d);
	print_all(&c);
	diags_free(&d);
	config_free(&c);
	return 0;
}
