/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Command lines: the input's lines are the words. --config would read files, so it is left out.
 */
#include "pipeline/config.h"

#include <stdlib.h>

enum { WORDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[WORDS + 1] = { "run" }, *save = NULL;
	struct config c = { 0 };
	struct diags d = { 0 };
	int argc = 1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *w = strtok_r(text, "\n", &save); w && argc < WORDS;
	     w = strtok_r(NULL, "\n", &save))
		if (strncmp(w, "--config", 8))
			argv[argc++] = w;
	if (!config_defaults(&c)) {
		config_args(&c, size & 1 ? CONFIG_RUN : CONFIG_REPLAY, argc, argv, &d);
		for (uint32_t i = 0; i < d.count; i++)
			if (!d.items[i].reason[0])
				abort();
	}
	diags_free(&d);
	config_free(&c);
	free(text);
	return 0;
}
