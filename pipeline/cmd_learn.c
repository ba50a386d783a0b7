/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin learn --for SCOPE`: what a workload does, seen live or read from documents, to a policy
 * file that alerts on everything else.
 *
 * Live it is a run whose policies pick the workload's events and whose observer is the learner: no
 * document is made and none of the configured outputs is used. The policies are in a memfd.
 */
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>

#include "pipeline/args.h"
#include "pipeline/clock.h"
#include "pipeline/cmd.h"
#include "pipeline/documents.h"
#include "pipeline/learn.h"
#include "pipeline/replace.h"
#include "pipeline/run.h"
#include "pipeline/util.h"

struct learn_cfg {
	const char *scope, *output, *name;
	uint64_t duration_ns, siblings;
	const char *const *files;
	uint32_t nfiles;
};

static const struct option opts[] = {
	{ .key = "for",
	  .type = OPT_STR,
	  OPT(struct learn_cfg, scope),
	  .min = 1,
	  .max = 4000,
	  .arg = "SCOPE",
	  .help = "The workload: unit=NAME, container=ID (or its beginning), cgroup=PATH (with "
		  "all below) or program=PATH (what it opens and connects to, and what it executes)" },
	{ .key = "duration",
	  .type = OPT_DURATION,
	  OPT(struct learn_cfg, duration_ns),
	  .def = "10m",
	  .min = 1,
	  .max = 30 * 86400 * NS_PER_SEC,
	  .help = "How long to watch; SIGINT and SIGTERM end it earlier" },
	{ .key = "output",
	  .type = OPT_STR,
	  OPT(struct learn_cfg, output),
	  .min = 1,
	  .max = 4000,
	  .arg = "FILE",
	  .help = "Where to write the policies; standard output without it" },
	{ .key = "name",
	  .type = OPT_STR,
	  OPT(struct learn_cfg, name),
	  .min = 1,
	  .max = 80,
	  .help = "What the names of the policies begin with; made of the scope without it" },
	{ .key = "siblings",
	  .type = OPT_UINT,
	  OPT(struct learn_cfg, siblings),
	  .def = "10",
	  .max = 1000000,
	  .help = "A directory in which more names were opened is allowed as a whole; 0: none is" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

struct learning {
	struct learn learn;
	struct policy_engine *engine; /* picks documents; NULL: live, the consumer's does */
	uint64_t lost;
	bool bad; /* a document could not be read */
};

static void observe(void *arg, struct event *e)
{
	struct learning *l = arg;

	if (e->kind->kind == EV_LOSS)
		l->lost += ((const struct ev_loss *)(const void *)e->raw)->count;
	else
		learn_event(&l->learn, e);
}

/* --- from documents --- */

/* Those of the workload. */
static int pick(void *arg, const struct decoded *d)
{
	struct learning *l = arg;
	const struct match *m;

	if (d->e->kind->kind == EV_LOSS || policy_match(l->engine, d->e, &m))
		observe(l, d->e);
	return 0;
}

static int from_documents(struct learning *l, const struct learn_cfg *cfg, struct str policies)
{
	struct documents r = { "learn", compose_new(), pick, l, false };
	struct policy_set *set = NULL;
	struct diags d = { 0 };
	int rc = r.compose ? policy_load_text(&set, "--for", policies, &d) : -ENOMEM;

	diags_print(&d, stderr);
	rc = rc ? rc : d.errors ? -EINVAL : policy_engine_new(&l->engine, set);
	for (uint32_t i = 0; i < cfg->nfiles && !rc; i++)
		rc = documents_read(&r, cfg->files[i]);
	l->bad = r.bad;
	diags_free(&d);
	policy_engine_free(TAKE_PTR(l->engine));
	policy_free(set);
	compose_free(r.compose);
	if (rc)
		fprintf(stderr, "tocsin learn: %s\n", strerror(-rc));
	return rc ? EXIT_RUNTIME : EXIT_OK;
}

/* --- live --- */

static int policies_fd(struct str text)
{
	int fd = memfd_create("tocsin-learn", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, text.p, text.len) == (ssize_t)text.len)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int from_kernel(struct learning *l, const struct learn_cfg *cfg, struct str policies)
{
	const struct observer observer = { observe, l };
	CLEANUP_CLOSE int fd = policies_fd(policies);
	char path[64], duration[64];
	char *argv[] = { (char[]){ "learn" },
			 (char[]){ "--policies" },
			 path,
			 (char[]){ "--duration" },
			 duration,
			 (char[]){ "--control=" },
			 (char[]){ "--output=stdout" },
			 NULL };
	struct config c = { 0 };
	int rc;

	if (fd < 0) {
		fprintf(stderr, "tocsin learn: %s\n", strerror(errno));
		return EXIT_RUNTIME;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(duration, sizeof(duration), "%lluns", (unsigned long long)cfg->duration_ns);
	rc = config_setup(&c, CONFIG_RUN, ARRAY_LEN(argv) - 1, argv);
	if (!rc)
		return run_agent(&c, &observer);
	config_free(&c);
	return EXIT_RUNTIME;
}

/* --- the file --- */

/* What is written must load. */
static int check(struct str text)
{
	struct policy_set *set = NULL;
	struct diags d = { 0 };
	int rc = policy_load_text(&set, "learned", text, &d);

	diags_print(&d, stderr);
	rc = rc || d.errors || policy_count(set) != LEARN_KINDS ? EXIT_RUNTIME : EXIT_OK;
	diags_free(&d);
	policy_free(set);
	return rc;
}

static int put_text(const char *path, struct str text)
{
	int rc;

	if (!path)
		return fwrite(text.p, 1, text.len, stdout) == text.len ? EXIT_OK : EXIT_RUNTIME;
	rc = replace_file(path, text);
	if (!rc)
		return EXIT_OK;
	fprintf(stderr, "tocsin learn: %s: %s\n", path, strerror(-rc));
	return EXIT_RUNTIME;
}

static int write_policies(struct learning *l, const struct learn_cfg *cfg,
			  const struct learn_scope *s)
{
	struct buf out = { 0 };
	int rc = EXIT_RUNTIME;

	if (l->lost)
		fprintf(stderr, "tocsin learn: %llu events were lost: what they did will alert\n",
			(unsigned long long)l->lost);
	if (l->learn.full) {
		fprintf(stderr,
			"tocsin learn: more than %d names of one kind: the workload is too wide, "
			"nothing is written\n",
			LEARN_NAMES_MAX);
	} else if (learn_is_empty(&l->learn)) {
		fprintf(stderr, "tocsin learn: %s did nothing: nothing is written\n", s->text);
	} else {
		learn_write(&l->learn, s, (uint32_t)cfg->siblings, cfg->name ? cfg->name : s->name,
			    &out);
		if (out.failed || l->learn.no_memory)
			fprintf(stderr, "tocsin learn: out of memory\n");
		else if (!check((struct str){ out.p, (uint32_t)out.len }))
			rc = put_text(cfg->output, (struct str){ out.p, (uint32_t)out.len });
	}
	if (!rc && cfg->output)
		fprintf(stderr, "%s: %u programs, %u files, %u destinations\n", cfg->output,
			l->learn.programs.count, l->learn.files.count + l->learn.patterns.count,
			l->learn.peers.count + l->learn.sockets.count);
	buf_free(&out);
	return rc;
}

static bool is_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return !name || (isalpha((unsigned char)name[0]) && !name[strspn(name, allowed)]);
}

static int learn(const struct learn_cfg *cfg)
{
	struct learning l = { .lost = 0 };
	struct learn_scope s = { 0 };
	struct buf policies = { 0 };
	char err[300] = "say which workload with --for";
	struct str text;
	int rc;

	if (!cfg->scope || learn_scope_parse(&s, str_of(cfg->scope), err, sizeof(err))) {
		fprintf(stderr, "tocsin learn: for: %s\n", err);
		return EXIT_USAGE;
	}
	if (!is_name(cfg->name)) {
		fprintf(stderr, "tocsin learn: name: a letter, then letters, digits and . _ -\n");
		return EXIT_USAGE;
	}
	learn_scope_policies(&s, &policies);
	text = (struct str){ policies.p, (uint32_t)policies.len };
	rc = cfg->nfiles ? from_documents(&l, cfg, text) : from_kernel(&l, cfg, text);
	if (!rc)
		rc = write_policies(&l, cfg, &s);
	if (!rc && l.bad)
		rc = EXIT_RUNTIME;
	learn_free(&l.learn);
	buf_free(&policies);
	return rc;
}

static void help(void)
{
	printf("Usage: tocsin learn --for SCOPE [--output FILE] [DOCUMENTS…]\nWatch a workload on "
	       "the live kernel, or read documents that recorded it (`run --record\n"
	       "process.exec,file.open,network.connect`; - is standard input), and write policies "
	       "that\nalert on programs, files and destinations that were not seen.\n\n");
	args_help(stdout, tables, ARRAY_LEN(tables));
}

int cmd_learn(int argc, char **argv)
{
	struct learn_cfg c = { .files = (const char *const *)argv + 1 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc;

	option_defaults(opts, &c);
	rc = args_set(&a, &c, &c.nfiles);
	if (rc == ARGS_HELP) {
		help();
		rc = EXIT_OK;
	} else {
		rc = rc < 0 ? EXIT_USAGE : learn(&c);
	}
	option_free(opts, &c);
	return rc;
}
