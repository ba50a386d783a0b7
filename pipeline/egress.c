/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Egress: a lane for each sink, which is a bounded queue, a thread and counters of its own.
 * The consumer thread pushes batch references; nothing a lane does can make another one wait.
 *
 * The thread of a lane is the only one that calls its sink: open, then submit and poll in a
 * loop, then close. A batch stays at the head of the queue until the sink took it whole.
 *
 * Every document that was published and wanted ends in exactly one counter:
 *   published = delivered + lost, where lost is the sum over the causes.
 * What neither the sink nor the queue accounted for when the lane ends is lost by time-out.
 *
 * To add a policy for full queues: a value in enum overflow, a name in overflow_names, a case in
 * lane_publish.
 */
#include "pipeline/egress.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "pipeline/clock.h"
#include "pipeline/log.h"
#include "pipeline/queue.h"
#include "pipeline/util.h"

enum {
	EGRESS_MAX_SINKS = 32,
	POLL_STALLED_MS = 100, /* the sink took nothing: let it work that long */
	WAIT_IN_FLIGHT_MS = 20, /* nothing queued, acknowledgements outstanding */
	WAIT_IDLE_MS = 250, /* nothing at all: rotation by age and the like */
	JOIN_GRACE_MS = 1000, /* past the deadline, before a stuck sink is left behind */
	REPORT_EVERY_S = 10,
};

enum lane_state { LANE_OPENING, LANE_RUNNING, LANE_FAILED, LANE_DONE };

struct lane {
	const struct sink *sink;
	void *cfg, *state;
	char *name;
	struct queue *queue;
	uint32_t overflow;
	struct sink_stats stats;
	_Atomic uint64_t accepted, dropped; /* documents that entered the queue, that did not */
	_Atomic uint64_t deadline_ns; /* 0: not stopping */

	pthread_t thread;
	pthread_mutex_t lock; /* state, rc */
	pthread_cond_t changed;
	enum lane_state state_now;
	int rc;
	char *err; /* of the caller of egress_add, while LANE_OPENING */
	size_t err_len;

	uint64_t reported_errors, reported_lost, report_ns; /* lane's thread only */
};

struct egress {
	struct lane *lanes[EGRESS_MAX_SINKS];
	uint32_t count;
	bool stopped;
};

static const char *const overflow_names[] = { "drop", "block", NULL };

const struct option egress_opts[] = {
	{ .key = "overflow",
	  .type = OPT_ENUM,
	  OPT(struct egress_cfg, overflow),
	  .def = "drop",
	  .names = overflow_names,
	  .help = "When the queue is full: drop the newest documents, counted, or block the pipeline" },
	{ .key = "queue",
	  .type = OPT_UINT,
	  OPT(struct egress_cfg, queue_batches),
	  .def = "256",
	  .min = 1,
	  .max = 65536,
	  .help = "Bound of the queue, in batches" },
	{ .key = "queue_bytes",
	  .type = OPT_SIZE,
	  OPT(struct egress_cfg, queue_bytes),
	  .def = "32MiB",
	  .min = 0,
	  .max = 16ull << 30,
	  .help = "Bound of the queue, in bytes of documents; 0: none" },
	{ 0 },
};

/* Documents that the sink has and did not yet account for, and those in the queue. */
static uint64_t lane_pending(const struct lane *l)
{
	uint64_t done = sink_counter(&l->stats.delivered) + sink_lost(&l->stats);
	uint64_t all = sink_counter(&l->accepted) + sink_counter(&l->dropped);

	return all > done ? all - done : 0;
}

/* Says what went wrong, at most every REPORT_EVERY_S; the counters have it all. */
static void lane_report(struct lane *l, bool last)
{
	uint64_t errors = sink_counter(&l->stats.errors), lost = sink_lost(&l->stats);
	uint64_t now;
	char text[SINK_ERROR_MAX];

	if (errors == l->reported_errors && lost == l->reported_lost)
		return;
	now = clock_mono_ns();
	if (!last && l->report_ns && now - l->report_ns < REPORT_EVERY_S * NS_PER_SEC)
		return;
	l->report_ns = now;
	sink_last_error(&l->stats, text);
	if (lost != l->reported_lost)
		log_warn("output %s: %llu documents lost%s%s", l->name,
			 (unsigned long long)(lost - l->reported_lost), *text ? ": " : "", text);
	else
		log_warn("output %s: %s", l->name, text);
	l->reported_errors = errors;
	l->reported_lost = lost;
}

static void lane_set_state(struct lane *l, enum lane_state s, int rc)
{
	pthread_mutex_lock(&l->lock);
	l->state_now = s;
	l->rc = rc;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

/* Hands the head of the queue to the sink, or lets the sink work. */
static void lane_step(struct lane *l, int idle_ms, int stalled_ms)
{
	uint32_t docs;
	struct batch *b = queue_peek(l->queue, idle_ms, &docs);

	if (b && l->sink->submit(l->state, b) == 0) {
		queue_pop(l->queue);
		stalled_ms = 0;
	}
	l->sink->poll(l->state, b ? stalled_ms : 0);
}

static void lane_loop(struct lane *l)
{
	uint64_t deadline;

	while (!(deadline = sink_counter(&l->deadline_ns))) {
		lane_step(l, lane_pending(l) ? WAIT_IN_FLIGHT_MS : WAIT_IDLE_MS, POLL_STALLED_MS);
		lane_report(l, false);
	}
	while (queue_docs(l->queue) && clock_mono_ns() < deadline)
		lane_step(l, 0, clock_left_ms(deadline, POLL_STALLED_MS));
	l->sink->close(l->state, deadline);
	l->state = NULL;
	sink_count(
		&l->stats.lost[atomic_load(&l->stats.held_by) == SINK_LOSS_IO ? SINK_LOSS_IO
									      : SINK_LOSS_TIMEOUT],
		lane_pending(l));
	lane_report(l, true);
}

static void *lane_thread(void *arg)
{
	struct lane *l = arg;
	char text[SINK_ERROR_MAX];
	int rc;

	prctl(PR_SET_NAME, l->sink->name);
	rc = l->sink->open(&l->state, l->cfg, &l->stats, l->err, l->err_len);
	lane_set_state(l, rc ? LANE_FAILED : LANE_RUNNING, rc);
	if (rc)
		return NULL;
	sink_last_error(&l->stats, text);
	if (*text)
		log_warn("output %s: %s", l->name, text);
	l->reported_errors = sink_counter(&l->stats.errors);
	lane_loop(l);
	lane_set_state(l, LANE_DONE, 0);
	return NULL;
}

static void lane_free(struct lane *l)
{
	if (!l)
		return;
	queue_free(l->queue);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l->name);
	free(l->cfg);
	free(l);
}

static struct lane *lane_new(const struct sink *s, const void *cfg, const struct egress_cfg *q,
			     const char *name)
{
	struct lane *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	l->sink = s;
	l->overflow = q->overflow;
	l->name = strdup(name);
	l->cfg = malloc(s->cfg_size ? s->cfg_size : 1);
	if (!l->name || !l->cfg ||
	    queue_new(&l->queue, (uint32_t)q->queue_batches, q->queue_bytes)) {
		lane_free(l);
		return NULL;
	}
	if (s->cfg_size)
		memcpy(l->cfg, cfg, s->cfg_size);
	return l;
}

/* The thread has all signals blocked: they are the main thread's, and a closed pipe or socket
 * is then an error code and not the end of the process. */
static int lane_start(struct lane *l)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&l->thread, NULL, lane_thread, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return -rc;
	pthread_mutex_lock(&l->lock);
	while (l->state_now == LANE_OPENING)
		pthread_cond_wait(&l->changed, &l->lock);
	rc = l->rc;
	l->err = NULL;
	pthread_mutex_unlock(&l->lock);
	if (rc)
		pthread_join(l->thread, NULL);
	return rc;
}

int egress_new(struct egress **out)
{
	struct egress *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*out = e;
	return 0;
}

int egress_add(struct egress *e, const struct sink *s, const void *cfg, const struct egress_cfg *q,
	       const char *name, char *err, size_t err_len)
{
	struct lane *l;
	int rc;

	if (e->count == EGRESS_MAX_SINKS) {
		snprintf(err, err_len, "%s: more than %d outputs", name, EGRESS_MAX_SINKS);
		return -E2BIG;
	}
	l = lane_new(s, cfg, q, name);
	if (!l) {
		snprintf(err, err_len, "%s: out of memory", name);
		return -ENOMEM;
	}
	snprintf(err, err_len, "%s: cannot start", name);
	l->err = err;
	l->err_len = err_len;
	rc = lane_start(l);
	if (rc)
		lane_free(l);
	else
		e->lanes[e->count++] = l;
	return rc;
}

static uint32_t wanted(const struct lane *l, const struct batch *b)
{
	uint32_t n = 0;

	if (!l->sink->wants)
		return b->ndocs;
	for (uint32_t i = 0; i < b->ndocs; i++)
		n += l->sink->wants(l->cfg, &b->docs[i]);
	return n;
}

static void lane_publish(struct lane *l, struct batch *b)
{
	uint32_t docs = wanted(l, b), cause;
	int rc;

	if (!docs)
		return;
	if (sink_counter(&l->deadline_ns)) {
		sink_count(&l->dropped, docs);
		sink_count(&l->stats.lost[SINK_LOSS_TIMEOUT], docs);
		return;
	}
	/* Counted before the push: the sink may deliver before this thread goes on. */
	sink_count(&l->accepted, docs);
	rc = l->overflow == OVERFLOW_BLOCK ? queue_push_wait(l->queue, b, docs)
					   : queue_push(l->queue, b, docs);
	if (!rc)
		return;
	cause = atomic_load_explicit(&l->stats.held_by, memory_order_relaxed);
	sink_count(&l->dropped, docs);
	atomic_fetch_sub_explicit(&l->accepted, docs, memory_order_relaxed);
	sink_count(&l->stats.lost[cause < SINK_LOSS_MAX ? cause : SINK_LOSS_QUEUE_FULL], docs);
}

void egress_publish(struct egress *e, struct batch *b)
{
	/* Those that may block come last, so that the others have this batch meanwhile. */
	for (uint32_t pass = OVERFLOW_DROP; pass <= OVERFLOW_BLOCK; pass++)
		for (uint32_t i = 0; i < e->count; i++)
			if (e->lanes[i]->overflow == pass)
				lane_publish(e->lanes[i], b);
}

void egress_unblock(struct egress *e, int after_ms)
{
	uint64_t at = clock_mono_ns() + (uint64_t)after_ms * NS_PER_MS;

	for (uint32_t i = 0; i < e->count; i++)
		queue_unblock(e->lanes[i]->queue, at);
}

bool egress_wants_text(const struct egress *e)
{
	for (uint32_t i = 0; i < e->count; i++) {
		const struct lane *l = e->lanes[i];

		if (l->sink->wants_text && l->sink->wants_text(l->cfg))
			return true;
	}
	return false;
}

bool egress_idle(const struct egress *e)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (lane_pending(e->lanes[i]))
			return false;
	return true;
}

const struct sink_stats *egress_stats(const struct egress *e, uint32_t i, const char **name,
				      uint64_t *queued)
{
	if (i >= e->count)
		return NULL;
	if (name)
		*name = e->lanes[i]->name;
	if (queued)
		*queued = e->stopped ? 0 : queue_docs(e->lanes[i]->queue);
	return &e->lanes[i]->stats;
}

/* False: the sink is stuck in a call; its thread is left behind, with what it uses. */
static bool lane_join(struct lane *l, uint64_t until_ns)
{
	struct timespec until = clock_timespec(until_ns);
	bool done;

	pthread_mutex_lock(&l->lock);
	while (l->state_now != LANE_DONE)
		if (pthread_cond_timedwait(&l->changed, &l->lock, &until))
			break;
	done = l->state_now == LANE_DONE;
	pthread_mutex_unlock(&l->lock);
	if (done)
		pthread_join(l->thread, NULL);
	return done;
}

void egress_stop(struct egress *e, int timeout_ms)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	if (e->stopped)
		return;
	e->stopped = true;
	egress_unblock(e, 0);
	for (uint32_t i = 0; i < e->count; i++) {
		atomic_store(&e->lanes[i]->deadline_ns, deadline);
		queue_wake(e->lanes[i]->queue);
	}
	for (uint32_t i = 0; i < e->count; i++) {
		struct lane *l = e->lanes[i];

		if (lane_join(l, deadline + JOIN_GRACE_MS * NS_PER_MS))
			continue;
		log_error("output %s: does not return, %llu documents lost", l->name,
			  (unsigned long long)lane_pending(l));
		sink_count(&l->stats.lost[SINK_LOSS_TIMEOUT], lane_pending(l));
	}
}

void egress_free(struct egress *e)
{
	if (!e)
		return;
	egress_stop(e, 0);
	for (uint32_t i = 0; i < e->count; i++) {
		bool done;

		pthread_mutex_lock(&e->lanes[i]->lock);
		done = e->lanes[i]->state_now == LANE_DONE;
		pthread_mutex_unlock(&e->lanes[i]->lock);
		if (done)
			lane_free(e->lanes[i]);
	}
	free(e);
}
