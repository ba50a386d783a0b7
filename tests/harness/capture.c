/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Captures of capture.h.
 */
#include "tests/harness/capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "enrichers/host.h"

struct capture_sink {
	struct capture *to;
};

static const struct option no_opts[] = { { 0 } };

static int sink_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		     size_t err_len)
{
	struct capture *c = ((const struct capture_sink *)cfg)->to;

	(void)err;
	(void)err_len;
	c->stats = st;
	*state = c;
	return 0;
}

static int sink_submit(void *state, struct batch *b)
{
	struct capture *c = state;

	for (uint32_t i = 0; i < b->ndocs; i++)
		buf_str(&c->json, batch_str(b, b->docs[i].json));
	c->batches++;
	sink_count(&c->stats->delivered, b->ndocs);
	return 0;
}

static int sink_poll(void *state, int timeout_ms)
{
	(void)state;
	(void)timeout_ms;
	return 0;
}

static void sink_close(void *state, uint64_t deadline_ns)
{
	(void)state;
	(void)deadline_ns;
}

static const struct sink capture_sink = {
	.name = "capture",
	.help = "test",
	.opts = no_opts,
	.cfg_size = sizeof(struct capture_sink),
	.open = sink_open,
	.submit = sink_submit,
	.poll = sink_poll,
	.close = sink_close,
};

static bool know_nothing(void *state, enum outside_question q, uint64_t key, uint64_t key2,
			 struct str *answer)
{
	(void)state;
	(void)q;
	(void)key;
	(void)key2;
	(void)answer;
	return false;
}

static void need(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %d\n", what, rc);
	abort();
}

static void load_policies(struct capture *c, const char *text)
{
	struct diags d = { 0 };

	need(policy_load_text(&c->policies, "test.yaml", str_of(text ? text : "policies: []\n"),
			      &d),
	     "policies");
	if (text && d.errors) {
		diags_print(&d, stderr);
		abort();
	}
	diags_free(&d);
}

static void make_enricher_cfg(struct capture *c)
{
	static const char *const host[][2] = { { "name", "testhost" },
					       { "machine_id", "00" },
					       { "boot_id", "0123456789abcdef0123456789abcdef" },
					       { "kernel", "6.1.0" },
					       { "arch", "x86_64" } };
	uint32_t n = 0;
	char err[200];

	while (enrichers[n])
		n++;
	c->enricher_cfg = calloc(n + 1, sizeof(*c->enricher_cfg));
	for (uint32_t i = 0; i < n; i++) {
		if (!enrichers[i]->opts)
			continue;
		c->enricher_cfg[i] = calloc(1, enrichers[i]->cfg_size);
		option_defaults(enrichers[i]->opts, c->enricher_cfg[i]);
		for (size_t k = 0; enrichers[i]->opts == host_opts && k < 5; k++)
			option_set(host_opts, c->enricher_cfg[i], str_of(host[k][0]),
				   str_of(host[k][1]), err, sizeof(err));
	}
}

void capture_restart(struct capture *c, const struct capture_cfg *cfg)
{
	static const struct outside_ops nothing_ops = { .ask = know_nothing };
	static struct outside nothing = { .ops = &nothing_ops };
	const struct consumer_cfg cc = {
		.policies = c->policies,
		.record_kinds = cfg->record_kinds,
		.egress = c->egress,
		.encoder = { .clock_offset_ns = 1700000000000000000,
			     .boot_id = STR("0123456789abcdef0123456789abcdef"),
			     .run_id = STR("00c0ffee") },
		.outside = cfg->outside ? cfg->outside : &nothing,
		.enricher_cfg = (const void *const *)c->enricher_cfg,
		.save = cfg->save,
		.latency_ns = cfg->latency_ns,
	};
	char err[300] = "";

	consumer_free(c->consumer);
	need(consumer_new(&c->consumer, &cc, err, sizeof(err)), err);
}

struct capture *capture_start(const struct capture_cfg *cfg)
{
	struct capture *c = calloc(1, sizeof(*c));
	struct capture_sink sink = { c };
	struct egress_cfg queue = { 0 };
	char err[300] = "";

	option_defaults(egress_opts, &queue);
	queue.overflow = OVERFLOW_BLOCK;
	load_policies(c, cfg->policies);
	make_enricher_cfg(c);
	need(egress_new(&c->egress), "egress");
	if (!cfg->no_sink)
		need(egress_add(c->egress, &capture_sink, &sink, &queue, "capture", err,
				sizeof(err)),
		     err);
	capture_restart(c, cfg);
	return c;
}

const char *capture_stop(struct capture *c)
{
	consumer_flush(c->consumer);
	egress_stop(c->egress, 5000);
	buf_char(&c->json, '\0');
	return c->json.p;
}

void capture_free(struct capture *c)
{
	consumer_free(c->consumer);
	egress_free(c->egress);
	policy_free(c->policies);
	for (uint32_t i = 0; enrichers[i]; i++) {
		if (c->enricher_cfg[i])
			option_free(enrichers[i]->opts, c->enricher_cfg[i]);
		free(c->enricher_cfg[i]);
	}
	free(c->enricher_cfg);
	buf_free(&c->json);
	free(c);
}
