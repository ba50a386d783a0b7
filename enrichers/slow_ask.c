/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One reader thread, made at the first question. A reader that does not answer in time is given
 * up: it belongs to its thread from then on, which frees it should it ever return, and the next
 * question makes another. While it is
 * READER_ASKED, fn to text belong to the thread; else all members are under the lock.
 */
#include "enrichers/slow_ask.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

enum reader_state { READER_IDLE, READER_ASKED, READER_DONE, READER_GIVEN_UP, READER_STOP };

struct stuck {
	atomic_uint refs, count;
};

struct reader {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum reader_state state;
	struct stuck *stuck;
	slow_fn fn;
	uint32_t pid;
	uint64_t start_ns;
	bool known;
	struct buf text;
};

struct slow_ask {
	struct reader *reader; /* NULL: none yet, or the last was given up */
	struct stuck *stuck; /* shared with readers that were given up */
};

static void stuck_unref(struct stuck *s)
{
	if (atomic_fetch_sub(&s->refs, 1) == 1)
		free(s);
}

static void reader_free(struct reader *r)
{
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	buf_free(&r->text);
	stuck_unref(r->stuck);
	free(r);
}

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	enum reader_state end;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (r->state == READER_IDLE || r->state == READER_DONE)
			pthread_cond_wait(&r->changed, &r->lock);
		if (r->state != READER_ASKED)
			break;
		pthread_mutex_unlock(&r->lock);
		r->known = r->fn(&r->text, r->pid, r->start_ns);
		pthread_mutex_lock(&r->lock);
		if (r->state != READER_ASKED)
			break;
		r->state = READER_DONE;
		pthread_cond_broadcast(&r->changed);
	}
	end = r->state;
	pthread_mutex_unlock(&r->lock);
	if (end == READER_GIVEN_UP) {
		atomic_fetch_sub(&r->stuck->count, 1);
		reader_free(r);
	}
	return NULL;
}

static struct reader *reader_new(struct stuck *stuck)
{
	struct reader *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	sigset_t all, before;
	int rc;

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	r->stuck = stuck;
	atomic_fetch_add(&stuck->refs, 1);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for other threads */
	rc = pthread_create(&r->thread, NULL, reader_run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		reader_free(r);
		return NULL;
	}
	return r;
}

static bool open_reader(struct slow_ask **s)
{
	struct slow_ask *n = *s;

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return false;
		n->stuck = calloc(1, sizeof(*n->stuck));
		if (!n->stuck) {
			free(n);
			return false;
		}
		atomic_store(&n->stuck->refs, 1);
		*s = n;
	}
	if (!n->reader && atomic_load(&n->stuck->count) < SLOW_ASK_STUCK_MAX)
		n->reader = reader_new(n->stuck);
	return n->reader != NULL;
}

/* True: the answer is in r. False: r is not ours any more. */
static bool wait_for(struct reader *r)
{
	struct timespec end = clock_timespec(clock_mono_ns() + SLOW_ASK_WAIT_MS * NS_PER_MS);
	int rc = 0;

	while (r->state == READER_ASKED && !rc)
		rc = pthread_cond_timedwait(&r->changed, &r->lock, &end);
	if (r->state == READER_DONE)
		return true;
	r->state = READER_GIVEN_UP;
	atomic_fetch_add(&r->stuck->count, 1);
	pthread_detach(r->thread);
	return false;
}

bool slow_ask(struct slow_ask **s, slow_fn fn, struct buf *out, uint32_t pid, uint64_t start_ns)
{
	struct reader *r;
	bool known = false;

	if (!open_reader(s))
		return false;
	r = (*s)->reader;
	pthread_mutex_lock(&r->lock);
	r->fn = fn;
	r->pid = pid;
	r->start_ns = start_ns;
	r->state = READER_ASKED;
	pthread_cond_broadcast(&r->changed);
	if (wait_for(r)) {
		r->state = READER_IDLE;
		known = r->known;
		buf_reset(out);
		if (known)
			buf_add(out, r->text.p, r->text.len);
		known &= !out->failed;
	} else {
		(*s)->reader = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	return known;
}

void slow_ask_free(struct slow_ask *s)
{
	if (!s)
		return;
	if (s->reader) {
		pthread_mutex_lock(&s->reader->lock);
		s->reader->state = READER_STOP;
		pthread_cond_broadcast(&s->reader->changed);
		pthread_mutex_unlock(&s->reader->lock);
		pthread_join(s->reader->thread, NULL);
		reader_free(s->reader);
	}
	stuck_unref(s->stuck);
	free(s);
}
