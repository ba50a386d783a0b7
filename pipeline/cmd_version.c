/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin version`. The Makefile tells this file what the build found (TOCSIN_LIBS).
 */
#include <stdio.h>

#include "bpf/event.h"
#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/util.h"

static const struct option opts[] = { { 0 } };
static const struct option *const tables[] = { opts };

int cmd_version(int argc, char **argv)
{
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, NULL, NULL);

	if (rc < 0)
		return EXIT_USAGE;
	if (rc == ARGS_HELP)
		printf("Usage: tocsin version\n");
	else
		printf("tocsin %s\nevents: ABI %d\nbuilt with: %s\n", TOCSIN_VERSION, EV_ABI,
		       TOCSIN_LIBS);
	return EXIT_OK;
}
