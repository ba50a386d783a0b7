/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The host enricher: the same few names on every document. It reads nothing itself (host.h).
 */
#include "enrichers/host.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "enrichers/enricher.h"
#include "pipeline/util.h"

struct host {
	struct ctx_host ctx;
	char data[];
};

static void host_event(void *state, struct event *e)
{
	e->ctx[CTX_HOST] = &((struct host *)state)->ctx;
	e->version[CTX_HOST] = 1;
}

static void host_close(void *state)
{
	free(state);
}

static int host_open(void **state, const void *cfg, struct outside *out)
{
	const struct host_cfg *c = cfg;
	const char *from[] = { c->name, c->machine_id, c->boot_id, c->kernel, c->arch };
	size_t bytes = sizeof(struct host);
	struct host *h;
	char *at;

	(void)out;
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		bytes += str_of(from[i]).len;
	h = calloc(1, bytes);
	if (!h)
		return -ENOMEM;
	struct str *to[] = { &h->ctx.name, &h->ctx.machine_id, &h->ctx.boot_id, &h->ctx.kernel,
			     &h->ctx.arch };
	at = h->data;
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		to[i]->len = str_of(from[i]).len;
		to[i]->p = at; /* never NULL: name and boot_id are always there, though empty */
		if (to[i]->len)
			memcpy(at, from[i], to[i]->len);
		at += to[i]->len;
	}
	*state = h;
	return 0;
}

/* The first line of a file without its end; dashes left out where asked. */
static int read_line(const char **out, const char *path, bool dashes)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	char line[256], *to = line;

	if (*out && **out)
		return 0;
	if (!f || !fgets(line, sizeof(line), f))
		return 0;
	line[strcspn(line, "\n")] = 0;
	for (const char *p = line; *p; p++)
		if (dashes || *p != '-')
			*to++ = *p;
	*to = 0;
	if (!line[0])
		return 0;
	free((void *)*out);
	*out = strdup(line);
	return *out ? 0 : -ENOMEM;
}

static int copy_text(const char **out, const char *text)
{
	if ((*out && **out) || !*text)
		return 0;
	free((void *)*out);
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

int host_read(struct host_cfg *cfg)
{
	struct utsname u;
	int rc;

	rc = read_line(&cfg->machine_id, "/etc/machine-id", true);
	if (!rc)
		rc = read_line(&cfg->boot_id, "/proc/sys/kernel/random/boot_id", false);
	if (rc || uname(&u))
		return rc;
	rc = copy_text(&cfg->name, u.nodename);
	if (!rc)
		rc = copy_text(&cfg->kernel, u.release);
	if (!rc)
		rc = copy_text(&cfg->arch, u.machine);
	return rc;
}

const struct option host_opts[] = {
	{ "name", OPT_STR, OPT(struct host_cfg, name), NULL, 0, 255, NULL,
	  "Name of the machine; empty: the one it gives itself" },
	{ "machine_id", OPT_STR, OPT(struct host_cfg, machine_id), NULL, 0, 64, NULL,
	  "Machine id; empty: that of /etc/machine-id" },
	{ "boot_id", OPT_STR, OPT(struct host_cfg, boot_id), NULL, 0, 64, NULL,
	  "Boot id; empty: the kernel's" },
	{ "kernel", OPT_STR, OPT(struct host_cfg, kernel), NULL, 0, 255, NULL,
	  "Kernel release; empty: the running one" },
	{ "arch", OPT_STR, OPT(struct host_cfg, arch), NULL, 0, 64, NULL,
	  "Architecture; empty: this machine's" },
	{ 0 },
};

const struct enricher enricher_host = {
	.name = "host",
	.help = "Name, ids, kernel and architecture of the machine",
	.opts = host_opts,
	.cfg_size = sizeof(struct host_cfg),
	.open = host_open,
	.event = host_event,
	.close = host_close,
};
