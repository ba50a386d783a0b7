/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the host enricher says, as options: a run fills those that are empty from the machine and
 * saves them all, a replay gets the saved ones and looks at no machine.
 */
#ifndef TOCSIN_HOST_H
#define TOCSIN_HOST_H

#include "pipeline/option.h"

struct host_cfg {
	const char *name, *machine_id, *boot_id, *kernel, *arch;
};

extern const struct option host_opts[];

/* Fills empty members from this machine (option_free frees them). 0 or -ENOMEM; what cannot be
 * read stays empty. */
int host_read(struct host_cfg *cfg);

#endif
