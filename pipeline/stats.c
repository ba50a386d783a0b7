/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Statistics of stats.h. Both forms come from one JSON object, so that neither knows a number the
 * other does not: stats_print walks it. A new counter: a row in counters.def, in an enricher's
 * names, or in sink_counters.
 */
#include "pipeline/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/resource.h>

#include "pipeline/clock.h"
#include "pipeline/names.h"
#include "pipeline/replace.h"
#include "pipeline/util.h"

static const char *const loss_names[SINK_LOSS_MAX] = {
	[SINK_LOSS_QUEUE_FULL] = "queue_full",
	[SINK_LOSS_REFUSED] = "refused",
	[SINK_LOSS_TIMEOUT] = "timeout",
	[SINK_LOSS_IO] = "io",
};

static const struct {
	const char *name;
	size_t offset;
} sink_counters[] = {
	{ "delivered", offsetof(struct sink_stats, delivered) },
	{ "bytes", offsetof(struct sink_stats, bytes) },
	{ "errors", offsetof(struct sink_stats, errors) },
	{ "reconnects", offsetof(struct sink_stats, reconnects) },
	{ "deleted_files", offsetof(struct sink_stats, deleted_files) },
	{ "torn_lines", offsetof(struct sink_stats, torn_lines) },
};

static void put(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static const char *kind_name(uint32_t kind)
{
	return kind && schema_kind(kind) ? schema_kind(kind)->name : "unknown";
}

static const char *cause_name(uint32_t cause)
{
	const struct name_table *t = &type_names_LOSSCAUSE;

	return cause < t->count && t->names[cause] ? t->names[cause] : "unknown";
}

static json_t *events_object(const struct consumer_stats *c)
{
	json_t *o = json_object();

	for (uint32_t k = 1; k < EV_MAX; k++)
		if (c->events[k] || schema_kind_is_public(schema_kind(k)))
			put(o, kind_name(k), c->events[k]);
	return o;
}

/* {kind: {cause: count}} of what is not zero. */
static json_t *lost_object(uint64_t lost[EV_MAX][EV_LOSS_MAX_])
{
	json_t *o = json_object();

	for (uint32_t k = 0; k < EV_MAX; k++) {
		json_t *causes = json_object();

		for (uint32_t i = 0; i < EV_LOSS_MAX_; i++)
			if (lost[k][i])
				put(causes, cause_name(i), lost[k][i]);
		if (json_object_size(causes))
			json_object_set(o, kind_name(k), causes);
		json_decref(causes);
	}
	return o;
}

/* {kind: count} of what is not zero. */
static json_t *kinds_object(const uint64_t counts[EV_MAX])
{
	json_t *o = json_object();

	for (uint32_t k = 1; k < EV_MAX; k++)
		if (counts[k])
			put(o, kind_name(k), counts[k]);
	return o;
}

/* What the programs counted themselves: it must agree with what the consumer read and told. */
static json_t *kernel_object(const struct probe_set *set)
{
	uint64_t self = 0, lost[EV_MAX][EV_LOSS_MAX_] = { 0 };
	uint64_t sent[EV_MAX] = { 0 }, filtered[EV_MAX] = { 0 };
	json_t *o = json_object();

	for (int cpu = 0; cpu < probe_set_ncpu(set); cpu++) {
		const volatile struct cpu_state *c = probe_set_cpu(set, cpu);

		self += c->self;
		for (uint32_t k = 0; k < EV_MAX; k++) {
			sent[k] += c->sent[k];
			for (uint32_t i = 0; i < EV_LOSS_MAX_; i++)
				lost[k][i] += c->lost[k][i];
		}
	}
	for (uint32_t k = 0; k < EV_MAX; k++)
		filtered[k] = probe_set_filtered(set, k);
	put(o, "self", self);
	json_object_set_new(o, "sent", kinds_object(sent));
	json_object_set_new(o, "filtered", kinds_object(filtered));
	json_object_set_new(o, "lost", lost_object(lost));
	return o;
}

/* {kind: [policies that need every event of it]}. */
static json_t *open_object(const struct filtering *f)
{
	uint32_t n = 0;
	const struct filter_note *notes = f->filter ? filter_notes(f->filter, &n) : NULL;
	json_t *o = json_object();

	for (uint32_t i = 0; i < n; i++) {
		const char *kind = kind_name(notes[i].kind);

		if (!json_object_get(o, kind))
			json_object_set_new(o, kind, json_array());
		json_array_append_new(
			json_object_get(o, kind),
			json_stringn(notes[i].policy->name.p, notes[i].policy->name.len));
	}
	return o;
}

static json_t *filter_object(const struct filtering *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "mode",
			    json_string(!f->filter                    ? "off"
					: f->mode == FILTERING_VERIFY ? "verify"
								      : "on"));
	json_object_set_new(o, "open", open_object(f));
	return o;
}

static json_t *policy_object(struct policy_stats p)
{
	json_t *o = json_object();

	put(o, "events", p.events);
	put(o, "evaluated", p.evaluated);
	put(o, "matches", p.matches);
	put(o, "suppressed", p.suppressed);
	put(o, "suppression_full", p.suppression_full);
	put(o, "regex_limits", p.regex_limits);
	return o;
}

/* {policy: {states, evicted, bytes}} of those with a sequence or threshold. */
static json_t *windows_object(const struct consumer *c)
{
	struct policy_window_stats w;
	json_t *o = json_object();

	for (uint32_t i = 0; consumer_window_stats(c, i, &w); i++) {
		json_t *one = json_object();

		put(one, "states", w.states);
		put(one, "evicted", w.evicted);
		put(one, "bytes", w.bytes);
		json_object_setn_new(o, w.policy->name.p, w.policy->name.len, one);
	}
	return o;
}

static json_t *output_object(const struct sink_stats *st, uint64_t queued)
{
	json_t *o = json_object(), *lost = json_object();

	for (size_t i = 0; i < ARRAY_LEN(sink_counters); i++)
		put(o, sink_counters[i].name,
		    sink_counter((const _Atomic uint64_t *)((const char *)st +
							    sink_counters[i].offset)));
	put(o, "queued", queued);
	for (uint32_t i = 0; i < SINK_LOSS_MAX; i++)
		if (sink_counter(&st->lost[i]))
			put(lost, loss_names[i], sink_counter(&st->lost[i]));
	json_object_set_new(o, "lost", lost);
	return o;
}

static json_t *outputs_object(const struct egress *e)
{
	json_t *o = json_object();
	const struct sink_stats *st;
	const char *name;
	uint64_t queued;

	for (uint32_t i = 0; (st = egress_stats(e, i, &name, &queued)); i++)
		json_object_set_new(o, name, output_object(st, queued));
	return o;
}

static json_t *enrichers_object(const struct consumer *c)
{
	json_t *o = json_object();
	const char *name;
	uint64_t v;

	for (uint32_t i = 0; enrichers[i]; i++) {
		json_t *one = json_object();

		for (uint32_t j = 0; consumer_counter(c, i, j, &name, &v); j++)
			put(one, name, v);
		if (json_object_size(one))
			json_object_set(o, enrichers[i]->name, one);
		json_decref(one);
	}
	return o;
}

/* A line "VmRSS:  1234 kB" of /proc/self/status, in bytes. */
static uint64_t status_bytes(const char *name)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);
	char line[200];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ':')
			return strtoull(line + n + 1, NULL, 10) << 10;
	return 0;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static json_t *agent_object(const struct stats_source *s)
{
	json_t *o = json_object();
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	json_object_set_new(o, "run_s", json_real((double)s->run_ns / NS_PER_SEC));
	json_object_set_new(o, "cpu_user_s", json_real(seconds(u.ru_utime)));
	json_object_set_new(o, "cpu_system_s", json_real(seconds(u.ru_stime)));
	put(o, "rss_bytes", status_bytes("VmRSS"));
	put(o, "rss_max_bytes", status_bytes("VmHWM")); /* ru_maxrss can be less than VmRSS */
	return o;
}

static json_t *make(const struct stats_source *s)
{
	const struct consumer_stats *c = consumer_stats(s->consumer);
	json_t *o = json_object(), *documents = json_object();
	uint64_t lost[EV_MAX][EV_LOSS_MAX_];

	memcpy(lost, c->lost, sizeof(lost));
	json_object_set_new(o, "events", events_object(c));
	json_object_set_new(o, "lost", lost_object(lost));
	if (s->set)
		json_object_set_new(o, "kernel", kernel_object(s->set));
	if (s->set)
		json_object_set_new(o, "filter", filter_object(s->filtering));
#define COUNTER(member, help) put(documents, #member, c->member);
#include "pipeline/counters.def"
#undef COUNTER
	json_object_set_new(o, "consumer", documents);
	json_object_set_new(o, "policies", policy_object(consumer_policy_stats(s->consumer)));
	json_object_set_new(o, "windows", windows_object(s->consumer));
	json_object_set_new(o, "outputs", outputs_object(s->egress));
	json_object_set_new(o, "enrichers", enrichers_object(s->consumer));
	json_object_set_new(o, "agent", agent_object(s));
	return o;
}

int stats_write_json(const struct stats_source *s, const char *path)
{
	json_t *o = make(s);
	CLEANUP_FREE char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	struct buf b = { 0 };
	int rc = -ENOMEM;

	json_decref(o);
	if (text) {
		buf_str(&b, str_of(text));
		buf_char(&b, '\n');
		rc = b.failed ? -ENOMEM : replace_file(path, (struct str){ b.p, (uint32_t)b.len });
	}
	buf_free(&b);
	return rc;
}

/* 1234567 as 1,234,567. */
static const char *grouped(json_int_t v, char out[32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, (uint64_t)v), at = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

static uint64_t lost_events(const struct consumer_stats *c)
{
	uint64_t n = 0;

	for (uint32_t k = 0; k < EV_MAX; k++)
		for (uint32_t i = 0; i < EV_LOSS_MAX_; i++)
			n += counter_get(&c->lost[k][i]);
	return n;
}

void stats_line(const struct stats_source *s, FILE *f)
{
	const struct consumer_stats *c = consumer_stats(s->consumer);
	const struct sink_stats *st;
	uint64_t events = 0, queued;
	const char *name;
	char n[4][32];

	for (uint32_t k = 0; k < EV_MAX; k++)
		events += counter_get(&c->events[k]);
	fprintf(f, "statistics: %.1f s, %s events, %s lost, %s alerts, %s records, RSS %.1f MiB",
		(double)s->run_ns / NS_PER_SEC, grouped((json_int_t)events, n[0]),
		grouped((json_int_t)lost_events(c), n[1]),
		grouped((json_int_t)counter_get(&c->alerts), n[2]),
		grouped((json_int_t)counter_get(&c->records), n[3]),
		(double)status_bytes("VmRSS") / (1 << 20));
	for (uint32_t i = 0; (st = egress_stats(s->egress, i, &name, &queued)); i++)
		fprintf(f, "; %s: %s delivered, %s lost, %s queued", name,
			grouped((json_int_t)sink_counter(&st->delivered), n[0]),
			grouped((json_int_t)sink_lost(st), n[1]),
			grouped((json_int_t)queued, n[2]));
	fputc('\n', f);
}

/* "a 1, b 2" of an object's numbers; those that are zero are left out. */
static void print_numbers(FILE *f, json_t *o, const char *none)
{
	const char *key, *sep = "";
	json_t *v;
	char n[32];

	json_object_foreach(o, key, v)
	{
		if (!json_integer_value(v))
			continue;
		fprintf(f, "%s%s %s", sep, key, grouped(json_integer_value(v), n));
		sep = ", ";
	}
	fprintf(f, "%s\n", *sep ? "" : none);
}

static void print_events(FILE *f, const json_t *o)
{
	json_t *lost = json_object_get(o, "lost"), *v;
	const char *key;
	char n[32];

	fprintf(f, "  %-20s %14s  lost\n", "event", "handled");
	json_object_foreach(json_object_get(o, "events"), key, v)
	{
		fprintf(f, "  %-20s %14s  ", key, grouped(json_integer_value(v), n));
		print_numbers(f, json_object_get(lost, key), "0");
	}
	v = json_object_get(lost, "unknown");
	if (v) {
		fprintf(f, "  %-20s %14s  ", "unknown", "");
		print_numbers(f, v, "0");
	}
}

/* The states that windows forgot before their time, by policy. */
static void print_windows(FILE *f, json_t *windows)
{
	json_t *evicted = json_object(), *o;
	const char *name;

	json_object_foreach(windows, name, o)
		json_object_set(evicted, name, json_object_get(o, "evicted"));
	if (json_object_size(windows)) {
		fprintf(f, "  %-20s ", "windows evicted");
		print_numbers(f, evicted, "0");
	}
	json_decref(evicted);
}

/* What the kernel left out, and the policies for which it can leave out nothing. */
static void print_filter(FILE *f, json_t *filter, json_t *kernel)
{
	const char *kind;
	json_t *names, *name;
	size_t i;

	fprintf(f, "  %-20s %14s  ", "kernel filter",
		json_string_value(json_object_get(filter, "mode")));
	print_numbers(f, json_object_get(kernel, "filtered"), "nothing left out");
	json_object_foreach(json_object_get(filter, "open"), kind, names)
	{
		fprintf(f, "  %-20s %14s  needed whole by", "", kind);
		json_array_foreach(names, i, name)
		{
			if (i == 8)
				break;
			fprintf(f, "%s %s", i ? "," : "", json_string_value(name));
		}
		if (json_array_size(names) > 8)
			fprintf(f, " and %zu more", json_array_size(names) - 8);
		fputc('\n', f);
	}
}

static void print_outputs(FILE *f, json_t *outputs)
{
	const char *name;
	json_t *o;
	char n[32];

	fprintf(f, "  %-20s %14s  %s\n", "output", "delivered", "lost");
	json_object_foreach(outputs, name, o)
	{
		json_t *copy = json_copy(o);

		fprintf(f, "  %-20s %14s  ", name,
			grouped(json_integer_value(json_object_get(o, "delivered")), n));
		print_numbers(f, json_object_get(o, "lost"), "0");
		json_object_del(copy, "delivered");
		json_object_del(copy, "lost");
		fprintf(f, "  %-20s %14s  ", "", "");
		print_numbers(f, copy, "nothing written");
		json_decref(copy);
	}
}

void stats_print(const struct stats_source *s, FILE *f)
{
	json_t *o = make(s), *agent = json_object_get(o, "agent"), *v;
	json_t *kernel = json_object_get(o, "kernel");
	const char *name;
	char n[32];

	fprintf(f,
		"statistics: %.1f s, CPU %.2f s user and %.2f s system, RSS %.1f MiB (at most %.1f)\n",
		json_real_value(json_object_get(agent, "run_s")),
		json_real_value(json_object_get(agent, "cpu_user_s")),
		json_real_value(json_object_get(agent, "cpu_system_s")),
		(double)json_integer_value(json_object_get(agent, "rss_bytes")) / (1 << 20),
		(double)json_integer_value(json_object_get(agent, "rss_max_bytes")) / (1 << 20));
	print_events(f, o);
	if (kernel)
		fprintf(f, "  %-20s %14s  left out, counted\n", "agent's own events",
			grouped(json_integer_value(json_object_get(kernel, "self")), n));
	if (kernel)
		print_filter(f, json_object_get(o, "filter"), kernel);
	if (kernel && !json_equal(json_object_get(kernel, "lost"), json_object_get(o, "lost")))
		fprintf(f, "  the losses above are not those that the kernel counted\n");
	fprintf(f, "  %-20s ", "consumer");
	print_numbers(f, json_object_get(o, "consumer"), "nothing");
	filter_faults_print(&consumer_stats(s->consumer)->faults, f);
	if (consumer_stats(s->consumer)->invalid_why)
		fprintf(f, "  %-20s %s\n", "last invalid record",
			consumer_stats(s->consumer)->invalid_why);
	fprintf(f, "  %-20s ", "policies");
	print_numbers(f, json_object_get(o, "policies"), "nothing");
	print_windows(f, json_object_get(o, "windows"));
	print_outputs(f, json_object_get(o, "outputs"));
	json_object_foreach(json_object_get(o, "enrichers"), name, v)
	{
		fprintf(f, "  enricher %-11s ", name);
		print_numbers(f, v, "nothing");
	}
	json_decref(o);
}
