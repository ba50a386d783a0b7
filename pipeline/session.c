/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sessions of session.h.
 */
#include "pipeline/session.h"

#include <errno.h>
#include <stdarg.h>

#include "pipeline/clock.h"
#include "pipeline/cmd.h"
#include "pipeline/log.h"
#include "pipeline/util.h"

enum { ERR_MAX = 512 };

int session_fail(int exit_code, const char *fmt, ...)
{
	char text[ERR_MAX + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_release();
	log_error("%s", text);
	return exit_code;
}

int session_policies(struct session *s)
{
	const struct config *c = s->cfg;
	int rc = policy_load(&s->policies, (const char *const *)c->policies.items,
			     c->policies.count, &s->problems);

	s->started_ns = clock_mono_ns();
	if (!rc && (policy_count(s->policies) || !s->problems.errors)) {
		if (!policy_one_pass())
			log_warn("libhs cannot be used here: the processor lacks SSSE3, or it is a "
				 "Vectorscan that misses matches; texts and expressions cost more");
		return EXIT_OK;
	}
	log_release();
	session_tell(s);
	if (rc == -ENOMEM)
		return session_fail(EXIT_RUNTIME, "out of memory");
	return session_fail(EXIT_POLICY, rc == -E2BIG ? "there is more than a load may have"
					 : rc         ? "a path of policies is missing"
						      : "no policy is left to run");
}

int session_outputs(struct session *s)
{
	char err[ERR_MAX] = "";
	int rc = egress_new(&s->egress);

	for (uint32_t i = 0; !rc && !s->observer && i < s->cfg->noutputs; i++) {
		const struct config_output *o = &s->cfg->outputs[i];

		rc = egress_add(s->egress, o->sink, o->cfg, &o->queue, o->name, err, sizeof(err));
	}
	if (!rc)
		return EXIT_OK;
	return session_fail(rc == -EINVAL ? EXIT_USAGE : EXIT_RUNTIME, "output: %s",
			    err[0] ? err : strerror(-rc));
}

int session_consumer(struct session *s, struct outside *outside, struct save *save)
{
	const struct consumer_cfg cfg = {
		.policies = s->policies,
		.record_kinds = s->cfg->record_kinds,
		.egress = s->egress,
		.encoder = {
			.clock_offset_ns = s->id.clock_offset_ns,
			.boot_id = str_of(s->id.boot_id),
			.run_id = str_of(s->id.run_id),
			.text = egress_wants_text(s->egress),
		},
		.outside = outside,
		.enricher_cfg = (const void *const *)s->cfg->enricher_cfg,
		.save = save,
		.latency_ns = s->cfg->latency_ns,
		.observer = s->observer,
		.classify = s->filtering.classify,
	};
	char err[ERR_MAX] = "";
	int rc = consumer_new(&s->consumer, &cfg, err, sizeof(err));

	return rc ? session_fail(EXIT_RUNTIME, "%s", err) : EXIT_OK;
}

bool session_wants_failed_opens(const struct session *s, const struct policy_set *set)
{
	switch ((enum failed_opens)s->cfg->failed_opens) {
	case FAILED_OPENS_ALWAYS: return true;
	case FAILED_OPENS_NEVER: return false;
	case FAILED_OPENS_POLICY: break;
	}
	return policy_wants_failed_opens(set);
}

void session_tell(struct session *s)
{
	diags_print(&s->problems, stderr);
	diags_free(&s->problems);
}

int session_end(struct session *s, const struct probe_set *set)
{
	const struct stats_source stats = {
		.consumer = s->consumer,
		.egress = s->egress,
		.set = set,
		.filtering = &s->filtering,
		.run_ns = clock_mono_ns() - s->started_ns,
	};
	const char *path = s->cfg->stats_json;
	uint64_t faults = consumer_stats(s->consumer)->filter_errors;
	int rc;

	egress_stop(s->egress, (int)(s->cfg->shutdown_timeout_ns / NS_PER_MS));
	stats_print(&stats, stderr);
	rc = path ? stats_write_json(&stats, path) : 0;
	if (rc)
		log_error("statistics to %s: %s", path, strerror(-rc));
	if (faults)
		log_error("the kernel filter would have dropped %llu events that somebody wants",
			  (unsigned long long)faults);
	return rc || faults ? EXIT_RUNTIME : EXIT_OK;
}

void session_free(struct session *s)
{
	consumer_free(s->consumer);
	filtering_free(&s->filtering);
	egress_free(s->egress);
	policy_free(s->policies);
	diags_free(&s->problems);
}
