/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The configuration: its option tables, its defaults, its outputs. Main thread, at start.
 *
 * A new option: a member of struct config and a row here; file, command line, --help and the
 * reference follow.
 */
#include "pipeline/config.h"

#include <errno.h>
#include <sys/stat.h>

#include "bpf/filter_abi.h"
#include "pipeline/clock.h"
#include "pipeline/config_set.h"
#include "pipeline/filtering.h"
#include "pipeline/nearest.h"
#include "pipeline/schema.h"
#include "pipeline/util.h"

static const char *const level_names[] = { "error", "warning", "info", "debug", NULL };
static const char *const failed_opens_names[] = { "policy", "always", "never", NULL };

static const char *const filter_names[] = {
	[FILTERING_ON] = "on", [FILTERING_OFF] = "off", [FILTERING_VERIFY] = "verify", NULL
};

static const struct option common_opts[] = {
	{ .key = "policies",
	  .type = OPT_LIST,
	  OPT(struct config, policies),
	  .min = 1,
	  .arg = "PATH",
	  .help = "File or directory (*.yaml, *.yml) of policies; repeatable; replaces the "
		  "shipped set, which is used when none is named" },
	{ .key = "record",
	  .type = OPT_LIST,
	  OPT(struct config, record),
	  .min = 1,
	  .arg = "KIND[,KIND…]",
	  .help = "Event kinds recorded also without a policy, or all; repeatable" },
	{ .key = "latency",
	  .type = OPT_DURATION,
	  OPT(struct config, latency_ns),
	  .def = "5ms",
	  .max = 1 * NS_PER_SEC,
	  .help = "How long a document may wait for others to share its batch" },
	{ .key = "shutdown_timeout",
	  .type = OPT_DURATION,
	  OPT(struct config, shutdown_timeout_ns),
	  .def = "5s",
	  .max = 600 * NS_PER_SEC,
	  .help = "How long outputs may take to deliver what is queued when the agent ends" },
	{ .key = "stats_json",
	  .type = OPT_STR,
	  OPT(struct config, stats_json),
	  .min = 1,
	  .max = 4000,
	  .arg = "FILE",
	  .help = "Write the statistics as JSON to this file at the end" },
	{ .key = "log_level",
	  .type = OPT_ENUM,
	  OPT(struct config, log_level),
	  .def = "info",
	  .names = level_names,
	  .help = "Messages of the agent about itself, on standard error" },
	{ 0 },
};

static const struct option run_opts[] = {
	{ .key = "data_dir",
	  .type = OPT_STR,
	  OPT(struct config, data_dir),
	  .def = "/var/lib/tocsin",
	  .min = 1,
	  .max = 4000,
	  .arg = "DIR",
	  .help = "Where the default file output writes alerts and records" },
	{ .key = "duration",
	  .type = OPT_DURATION,
	  OPT(struct config, duration_ns),
	  .help = "End after this time, counted from `ready:`; 0 means run until a signal" },
	{ .key = "stats_interval",
	  .type = OPT_DURATION,
	  OPT(struct config, stats_interval_ns),
	  .min = 100 * NS_PER_MS,
	  .max = 86400 * NS_PER_SEC,
	  .help = "Print a line of statistics, of the run so far, to standard error that often; "
		  "without it only at the end" },
	{ .key = "save",
	  .type = OPT_STR,
	  OPT(struct config, save),
	  .min = 1,
	  .max = 4000,
	  .arg = "FILE",
	  .help = "Keep the raw stream in a new file, for `tocsin replay`" },
	{ .key = "control",
	  .type = OPT_STR,
	  OPT(struct config, control),
	  .def = CONFIG_CONTROL,
	  .max = 107,
	  .arg = "SOCKET",
	  .help = "Unix socket, open to its owner alone, that takes commands such as `tocsin "
		  "reload`; empty: none" },
	{ .key = "ring_size",
	  .type = OPT_SIZE,
	  OPT(struct config, ring_bytes),
	  .def = "16MiB",
	  .min = 64 << 10,
	  .max = 1 << 30,
	  .help = "Ring buffer between kernel and agent; a power of two" },
	{ .key = "gather",
	  .type = OPT_DURATION,
	  OPT(struct config, gather_ns),
	  .def = "4ms",
	  .max = 100 * NS_PER_MS,
	  .help = "How long events may gather in the ring buffer while they come fast; 0: each "
		  "wakes the agent" },
	{ .key = "args_max",
	  .type = OPT_SIZE,
	  OPT(struct config, args_max),
	  .def = "4096",
	  .max = EV_ARGS_MAX,
	  .help = "Bytes of a program's arguments to read; more are cut off and flagged" },
	{ .key = "env_max",
	  .type = OPT_SIZE,
	  OPT(struct config, env_max),
	  .def = "4096",
	  .max = EV_ARGS_MAX,
	  .help = "Bytes of a program's environment to read, where the `env` option of the "
		  "process enricher chooses variables" },
	{ .key = "failed_opens",
	  .type = OPT_ENUM,
	  OPT(struct config, failed_opens),
	  .def = "policy",
	  .names = failed_opens_names,
	  .help = "Report opens that failed: where a policy can hold for one, always or never" },
	{ .key = "filter",
	  .type = OPT_ENUM,
	  OPT(struct config, filter),
	  .def = "on",
	  .names = filter_names,
	  .help = "Leave in the kernel what nobody can want; verify: send it all the same, "
		  "marked, and fail at the end when somebody wanted one of these" },
	{ .key = "filter_size",
	  .type = OPT_SIZE,
	  OPT(struct config, filter_bytes),
	  .def = "2MiB",
	  .min = FILTER_BYTES_MIN,
	  .max = FILTER_BYTES_MAX,
	  .help = "Room for the tables of the kernel filter, rounded up to a power of two; what "
		  "has no room is sent" },
	{ .key = "typed_loads",
	  .type = OPT_BOOL,
	  OPT(struct config, typed_loads),
	  .def = "true",
	  .help = "Follow kernel pointers by plain loads where the kernel allows it; false: by "
		  "probe reads, slower, for comparison" },
	{ 0 },
};

const struct option config_special[] = {
	[SPECIAL_CONFIG] = { .key = "config",
			     .type = OPT_STR,
			     .arg = "FILE",
			     .help = "Read this YAML file first; the command line replaces what it "
				     "says" },
	[SPECIAL_OUTPUT] = { .key = "output",
			     .type = OPT_STR,
			     .arg = "SINK[:KEY=VALUE,…]",
			     .help = "Deliver to this sink; repeatable; replaces the default outputs. "
				     "A piece without = continues the value before it" },
	[SPECIAL_ENRICH] = { .key = "enrich",
			     .type = OPT_STR,
			     .arg = "NAME:KEY=VALUE,…",
			     .help = "Options of an enricher; repeatable" },
	[SPECIAL_MAX] = { 0 },
};

const struct option *config_table_of(struct str key)
{
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		if (option_find(config_tables[i], key))
			return config_tables[i];
	return NULL;
}

static void offer_kinds(struct nearest *n)
{
	const struct event_kind *k;

	nearest_offer(n, "all");
	for (uint32_t i = 1; i < EV_MAX; i++) {
		k = schema_kind(i);
		if (k && schema_kind_is_public(k))
			nearest_offer(n, k->name);
	}
}

static int add_kind(struct config *c, struct str name, char *err, size_t err_len)
{
	const struct event_kind *k = schema_kind_by_name(name);
	struct nearest n = { .word = name };

	if (str_eq(name, STR("all"))) {
		for (uint32_t i = 1; i < EV_MAX; i++)
			if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
				c->record_kinds |= 1ULL << i;
		return 0;
	}
	if (k && schema_kind_is_public(k)) {
		c->record_kinds |= 1ULL << k->kind;
		c->named_kinds |= 1ULL << k->kind;
		return 0;
	}
	offer_kinds(&n);
	snprintf(err, err_len, "record: \"%.*s\" is no event kind%s%s%s", (int)MIN(name.len, 60u),
		 name.p, n.best ? ", did you mean \"" : "", n.best ? n.best : "",
		 n.best ? "\"?" : "");
	return -EINVAL;
}

/* The masks of what c->record says now. Wrong names are taken out, the first is told. */
static int make_kinds(struct config *c, char *err, size_t err_len)
{
	struct opt_list *l = &c->record;
	char ignored[CONFIG_ERR];
	uint32_t kept = 0;
	int rc = 0, one;

	c->record_kinds = c->named_kinds = 0;
	for (uint32_t i = 0; i < l->count; i++) {
		one = add_kind(c, str_of(l->items[i]), rc ? ignored : err,
			       rc ? sizeof(ignored) : err_len);
		if (one)
			free(l->items[i]);
		else
			l->items[kept++] = l->items[i];
		rc = rc ? rc : one;
	}
	l->count = kept;
	return rc;
}

int config_set(struct config *c, struct str key, struct str value, bool item, char *err,
	       size_t err_len)
{
	const struct option *t = config_table_of(key);
	uint64_t ring = c->ring_bytes;
	int rc;

	t = t ? t : common_opts; /* which says that the key is unknown */
	rc = item ? option_append(t, c, key, value, err, err_len)
		  : option_set(t, c, key, value, err, err_len);
	if (!rc && str_eq(key, STR("record")))
		rc = make_kinds(c, err, err_len);
	if (!rc && c->ring_bytes & (c->ring_bytes - 1)) {
		snprintf(err, err_len, "ring_size: \"%.*s\" is not a power of two",
			 (int)MIN(value.len, 60u), value.p);
		c->ring_bytes = ring;
		rc = -EINVAL;
	}
	return rc;
}

void config_set_done(struct config *c)
{
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		option_set_done(config_tables[i], c);
}

int config_output_new(struct config_output *out, struct str sink, char *err, size_t err_len)
{
	struct config_output o = { .sink = sink_by_name(sink) };
	struct nearest n = { .word = sink };

	if (!o.sink) {
		for (const struct sink *const *s = sinks; *s; s++)
			nearest_offer(&n, (*s)->name);
		snprintf(err, err_len, "there is no sink \"%.*s\"%s%s%s", (int)MIN(sink.len, 60u),
			 sink.p ? sink.p : "", n.best ? ", did you mean \"" : "",
			 n.best ? n.best : "", n.best ? "\"?" : "");
		return -ENOENT;
	}
	o.cfg = calloc(1, o.sink->cfg_size ? o.sink->cfg_size : 1);
	if (!o.cfg) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	option_defaults(o.sink->opts, o.cfg);
	option_defaults(egress_opts, &o.queue);
	*out = o;
	return 0;
}

void config_output_free(struct config_output *out)
{
	if (!out->sink)
		return;
	option_free(out->sink->opts, out->cfg);
	option_free(egress_opts, &out->queue);
	free(out->cfg);
	free(out->name);
	*out = (struct config_output){ 0 };
}

int config_output_add(struct config *c, struct config_output *out, char *err, size_t err_len)
{
	uint32_t same = 1;
	int n;

	if (c->noutputs >= CONFIG_OUTPUTS_MAX) {
		snprintf(err, err_len, "more than %d outputs", CONFIG_OUTPUTS_MAX);
		return -E2BIG;
	}
	for (uint32_t i = 0; i < c->noutputs; i++)
		same += c->outputs[i].sink == out->sink;
	n = same > 1 ? asprintf(&out->name, "%s-%u", out->sink->name, same)
		     : asprintf(&out->name, "%s", out->sink->name);
	if (n < 0) {
		out->name = NULL;
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	c->outputs[c->noutputs++] = *out;
	return 0;
}

void config_outputs_clear(struct config *c)
{
	while (c->noutputs)
		config_output_free(&c->outputs[--c->noutputs]);
}

int config_add_output(struct config *c, struct str text, char *err, size_t err_len)
{
	const char *colon = text.len ? memchr(text.p, ':', text.len) : NULL;
	struct str name = { text.p, colon ? (uint32_t)(colon - text.p) : text.len };
	struct str rest = { colon ? colon + 1 : "", colon ? text.len - name.len - 1 : 0 };
	struct config_output o = { 0 };
	char why[CONFIG_ERR];
	int rc = config_output_new(&o, name, err, err_len);

	if (rc)
		return rc;
	rc = option_parse_list(o.sink->opts, o.cfg, egress_opts, &o.queue, rest, why, sizeof(why));
	if (rc)
		snprintf(err, err_len, "%s: %s", o.sink->name, why);
	rc = rc ? rc : config_output_add(c, &o, err, err_len);
	if (rc)
		config_output_free(&o);
	return rc;
}

int config_enricher_find(struct str name, char *err, size_t err_len)
{
	struct nearest n = { .word = name };

	for (int i = 0; enrichers[i]; i++) {
		if (str_eq(str_of(enrichers[i]->name), name))
			return i;
		nearest_offer(&n, enrichers[i]->name);
	}
	snprintf(err, err_len, "there is no enricher \"%.*s\"%s%s%s", (int)MIN(name.len, 60u),
		 name.p ? name.p : "", n.best ? ", did you mean \"" : "", n.best ? n.best : "",
		 n.best ? "\"?" : "");
	return -ENOENT;
}

void *config_enricher(const struct config *c, const char *name)
{
	for (int i = 0; enrichers[i]; i++)
		if (!strcmp(enrichers[i]->name, name))
			return c->enricher_cfg[i];
	return NULL;
}

static int enricher_defaults(struct config *c)
{
	uint32_t n = 0;

	while (enrichers[n])
		n++;
	c->enricher_cfg = calloc(n + 1, sizeof(*c->enricher_cfg));
	if (!c->enricher_cfg)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (!enrichers[i]->cfg_size)
			continue;
		c->enricher_cfg[i] = calloc(1, enrichers[i]->cfg_size);
		if (!c->enricher_cfg[i])
			return -ENOMEM;
		option_defaults(enrichers[i]->opts, c->enricher_cfg[i]);
	}
	return 0;
}

int config_defaults(struct config *c)
{
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		option_defaults(config_tables[i], c);
	return enricher_defaults(c);
}

int config_shipped_dir(char *out, size_t len)
{
	static const char *const places[] = { "/../share/tocsin/policies", "/../policies",
					      "/../../policies", "/../../../policies",
					      "/../../../../policies" };
	char exe[4096], path[4200], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	struct stat st;

	if (n < 0)
		return -errno;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (uint32_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEANUP_FREE char *real = NULL;

		snprintf(path, sizeof(path), "%s%s", exe, places[i]);
		if (stat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		real = realpath(path, NULL);
		if (!real)
			continue;
		return (size_t)snprintf(out, len, "%s", real) < len ? 0 : -ENAMETOOLONG;
	}
	return -ENOENT;
}

static int default_policies(struct config *c, struct diags *d)
{
	char dir[4200], err[CONFIG_ERR];
	int rc;

	if (c->policies.count)
		return 0;
	rc = config_shipped_dir(dir, sizeof(dir));
	if (rc) {
		diag_add(d, NULL, 0, 0,
			 "the shipped policies are not found near the program; "
			 "name policies with --policies PATH");
		return rc;
	}
	c->shipped_policies = true;
	return option_append(common_opts, c, STR("policies"), str_of(dir), err, sizeof(err));
}

/* One default output, with one option set that may hold any character. */
static int default_output(struct config *c, const char *sink, const char *key, const char *value,
			  struct diags *d)
{
	struct config_output o = { 0 };
	char err[CONFIG_ERR];
	int rc = config_output_new(&o, str_of(sink), err, sizeof(err));

	if (!rc)
		rc = option_set(o.sink->opts, o.cfg, str_of(key), str_of(value), err, sizeof(err));
	if (!rc)
		rc = config_output_add(c, &o, err, sizeof(err));
	if (rc) {
		diag_add(d, NULL, 0, 0, "default output %s: %s", sink, err);
		config_output_free(&o);
	}
	return rc;
}

int config_finish(struct config *c, enum config_command cmd, struct diags *d)
{
	int rc = default_policies(c, d);

	if (!c->noutputs) {
		rc = rc ? rc : default_output(c, "stdout", "format", "text", d);
		if (cmd == CONFIG_RUN)
			rc = rc ? rc : default_output(c, "file", "path", c->data_dir, d);
	}
	return rc;
}

void config_free(struct config *c)
{
	config_outputs_clear(c);
	for (uint32_t i = 0; c->enricher_cfg && enrichers[i]; i++) {
		if (c->enricher_cfg[i])
			option_free(enrichers[i]->opts, c->enricher_cfg[i]);
		free(c->enricher_cfg[i]);
	}
	free(c->enricher_cfg);
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		option_free(config_tables[i], c);
	*c = (struct config){ 0 };
}

const struct option *const config_tables[CONFIG_TABLES] = { common_opts, run_opts };
