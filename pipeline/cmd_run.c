/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin run`: from the configuration to `ready:`, then until a signal or --duration, then the
 * end in order: probes detached, ring drained, last batch published, outputs flushed.
 *
 * Main thread. It owns everything; the consumer's thread and the outputs' threads run in between.
 * All signals are blocked in every thread and waited for in duty.h.
 */
#include <errno.h>
#include <signal.h>

#include "enrichers/host.h"
#include "pipeline/clock.h"
#include "pipeline/cmd.h"
#include "pipeline/duty.h"
#include "pipeline/log.h"
#include "pipeline/run.h"
#include "pipeline/util.h"

enum { ERR_MAX = 512 };

struct run {
	struct config cfg;
	struct session session;
	struct outside live, answers; /* answers: live, or live and saved */
	bool has_live;
	struct save *save;
	struct probe_set *probes;
	struct live *consumer;
	struct reload reload;
	struct duty *duty;
	sigset_t signals;
};

static int start_outside(struct run *r)
{
	struct host_cfg *host = config_enricher(&r->cfg, "host");
	int rc = identity_make(&r->session.id);

	rc = rc || !host ? rc : host_read(host);
	if (rc)
		return session_fail(EXIT_RUNTIME, "this machine cannot be named: %s",
				    strerror(-rc));
	rc = outside_live_open(&r->live);
	if (rc)
		return session_fail(EXIT_RUNTIME, "enrichers: %s", strerror(-rc));
	r->has_live = true;
	r->answers = r->live;
	return EXIT_OK;
}

static int start_saving(struct run *r)
{
	char err[ERR_MAX];
	json_t *header;
	int rc;

	if (!r->cfg.save)
		return EXIT_OK;
	header = save_header_make(&r->session.id, &r->cfg, policy_digest(r->session.policies));
	rc = save_create(&r->save, r->cfg.save, header, err, sizeof(err));
	json_decref(header);
	if (rc)
		return session_fail(EXIT_RUNTIME, "%s", err);
	r->answers = save_outside(r->save, &r->live);
	return EXIT_OK;
}

/* The kernel reads environments only where the process enricher was given names to keep. */
static uint32_t env_bytes(const struct config *c)
{
	void *cfg = config_enricher(c, "process");
	const struct option *o = NULL;

	for (uint32_t i = 0; enrichers[i] && !o; i++)
		if (c->enricher_cfg[i] == cfg)
			o = option_find(enrichers[i]->opts, STR("env"));
	if (!o || !((struct opt_list *)((char *)cfg + o->offset))->count)
		return 0;
	return (uint32_t)c->env_max;
}

static uint32_t power_of_two(uint64_t at_least)
{
	uint32_t n = 1;

	while (n < at_least)
		n *= 2;
	return n;
}

static int machine_fails(int rc, const char *err)
{
	return session_fail(rc == -EPERM || rc == -ENOSYS || rc == -ENOTSUP ? EXIT_MACHINE
									    : EXIT_RUNTIME,
			    "%s", err[0] ? err : strerror(-rc));
}

/* Before anything is made or locked: who may not watch the kernel leaves nothing behind. */
static int may_watch(void)
{
	char err[ERR_MAX] = "";
	int rc = probe_check(err, sizeof(err));

	return rc ? machine_fails(rc, err) : EXIT_OK;
}

static int start_probes(struct run *r)
{
	const struct config *c = &r->cfg;
	uint64_t judged = policy_kinds(r->session.policies);
	const struct probe_cfg cfg = {
		.want = judged | c->record_kinds,
		.named = c->named_kinds | (c->shipped_policies ? 0 : judged),
		.ring_bytes = c->ring_bytes,
		.args_max = (uint32_t)c->args_max,
		.env_max = env_bytes(c),
		.failed_opens = session_wants_failed_opens(&r->session, r->session.policies),
		.boot_salt = probe_boot_salt(r->session.id.boot_id),
		.self_tgid = (uint32_t)getpid(),
		.no_typed_loads = !c->typed_loads,
		.filter_bytes = c->filter == FILTERING_OFF ? 0 : power_of_two(c->filter_bytes),
		.scan_first = true,
	};
	char err[ERR_MAX] = "";
	int rc = probe_set_open(&r->probes, &cfg, err, sizeof(err));

	return rc ? machine_fails(rc, err) : EXIT_OK;
}

/* The second scan; the first came before the other probes attached. What /proc said of a process
 * is believed once the kernel has named the same image again after the question. */
static void meet_running(struct run *r)
{
	int rc;

	live_catch_up(r->consumer);
	rc = probe_set_scan_tasks(r->probes);
	if (rc)
		log_warn("the processes that run already cannot be listed: %s", strerror(-rc));
	live_catch_up(r->consumer);
}

/* A sink that blocks gets half of the time for what the ring still holds. */
static void unblock_outputs(void *arg)
{
	struct run *r = arg;

	egress_unblock(r->session.egress, (int)(r->cfg.shutdown_timeout_ns / NS_PER_MS / 2));
}

struct use {
	struct filtering *filtering;
	struct filter *next;
};

static void use(void *arg)
{
	struct use *u = arg;

	filtering_use(u->filtering, u->next, 0);
}

/* Last: what the kernel sent until now it sent whole. */
static void start_filtering(struct run *r)
{
	struct use u = { .filtering = &r->session.filtering };

	filtering_start(u.filtering, r->probes, r->consumer, r->session.consumer);
	if (!filtering_put(u.filtering, r->session.policies, 0, &u.next))
		live_call(r->consumer, use, &u);
}

static int start_reading(struct run *r)
{
	/* A ring takes this long to fill at 500 MB/s: more than any host makes. */
	uint64_t gather_ns = MIN(r->cfg.gather_ns, 2 * r->cfg.ring_bytes);
	int rc = live_start(&r->consumer, r->probes, r->session.consumer, gather_ns);

	if (rc)
		return session_fail(EXIT_RUNTIME, "consumer: %s", strerror(-rc));
	live_on_end(r->consumer, unblock_outputs, r);
	meet_running(r);
	start_filtering(r);
	r->reload = (struct reload){ &r->session, r->probes, r->consumer, 0 };
	rc = duty_new(&r->duty, &r->reload, &r->signals);
	return rc ? session_fail(EXIT_RUNTIME, "signals: %s", strerror(-rc)) : EXIT_OK;
}

static int start(struct run *r)
{
	int rc = session_policies(&r->session);

	rc = rc ? rc : may_watch();
	rc = rc ? rc : session_outputs(&r->session);
	rc = rc ? rc : start_outside(r);
	rc = rc ? rc : start_saving(r);
	if (!rc && filtering_init(&r->session.filtering, r->cfg.filter, r->cfg.record_kinds))
		rc = session_fail(EXIT_RUNTIME, "out of memory");
	rc = rc ? rc : session_consumer(&r->session, &r->answers, r->save);
	rc = rc ? rc : start_probes(r);
	return rc ? rc : start_reading(r);
}

/* The line `ready:` before all else, then what has to be said. */
static void tell_ready(struct run *r)
{
	uint32_t n, kinds = 0;
	const struct coverage *c = probe_coverage(r->probes, &n);

	for (uint32_t i = 0; i < n; i++) {
		const struct event_kind *k = schema_kind(c[i].kind);

		kinds += c[i].hook && schema_kind_is_public(k);
		if (!c[i].hook)
			log_warn("%s is not seen on this kernel: %s", k->name, c[i].reason);
		else if (c[i].reason[0])
			log_warn("%s is not seen everywhere: %s", k->name, c[i].reason);
	}
	fprintf(stderr, "ready: %u kinds, %u policies\n", kinds, policy_count(r->session.policies));
	log_release();
	session_tell(&r->session);
}

static int finish(struct run *r)
{
	int rc, saved;

	duty_free(TAKE_PTR(r->duty));
	pthread_sigmask(SIG_UNBLOCK, &r->signals, NULL); /* a second one ends it at once */
	unblock_outputs(r);
	live_stop(TAKE_PTR(r->consumer));
	saved = save_close(TAKE_PTR(r->save));
	rc = session_end(&r->session, r->probes);
	if (!saved)
		return rc;
	log_error("saving to %s ended early: %s", r->cfg.save, strerror(saved));
	return EXIT_RUNTIME;
}

static void run_free(struct run *r)
{
	duty_free(r->duty);
	live_stop(r->consumer);
	probe_set_free(r->probes);
	session_free(&r->session);
	save_close(r->save);
	if (r->has_live)
		outside_live_close(&r->live);
	config_free(&r->cfg);
}

static void block_signals(struct run *r)
{
	sigemptyset(&r->signals);
	sigaddset(&r->signals, SIGINT);
	sigaddset(&r->signals, SIGTERM);
	sigaddset(&r->signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &r->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int run_agent(struct config *c, const struct observer *observer)
{
	struct run r = { .cfg = *c, .session = { .cfg = &r.cfg, .observer = observer } };
	int rc;

	*c = (struct config){ 0 };
	log_set_level((enum log_level)r.cfg.log_level);
	log_hold();
	block_signals(&r);
	rc = start(&r);
	if (!rc) {
		tell_ready(&r);
		duty_run(r.duty);
		rc = finish(&r);
	}
	run_free(&r);
	return rc;
}

/* One that comes before run_agent blocks all of them would end the agent. */
static void block_reload(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
}

int cmd_run(int argc, char **argv)
{
	struct config c = { 0 };
	int rc;

	block_reload();
	rc = config_setup(&c, CONFIG_RUN, argc, argv);
	if (!rc)
		return run_agent(&c, NULL);
	config_free(&c);
	return rc < 0 ? EXIT_USAGE : EXIT_OK;
}
