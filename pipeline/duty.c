/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The loop of duty.h. What cannot be watched is told, and the rest goes on: without inotify
 * SIGHUP still reloads, without a socket `tocsin reload` says that nobody answers.
 */
#include "pipeline/duty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "pipeline/clock.h"
#include "pipeline/control.h"
#include "pipeline/log.h"
#include "pipeline/util.h"
#include "pipeline/watch.h"

enum {
	QUIET_MS = 200, /* without a change, before changed files are read */
	QUIET_MAX_MS = 2000, /* files that change all the time are read nevertheless */
};

struct duty {
	struct reload *reload;
	const struct config *cfg;
	struct watch *watch;
	struct control *control;
	int signals;
	bool terminal, end;
	uint64_t until; /* CLOCK_MONOTONIC; UINT64_MAX: no limit */
	uint64_t stats_at; /* the next line of statistics; UINT64_MAX: none */
	uint64_t first_change, quiet_at; /* of changes that were not read yet; UINT64_MAX: none */
};

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void watch_paths(struct duty *d)
{
	const struct opt_list *paths = &d->cfg->policies;
	const char *values;
	uint32_t at = 0;
	int rc = 0, one;

	for (uint32_t i = 0; i < paths->count; i++) {
		one = watch_add(d->watch, paths->items[i]);
		rc = rc ? rc : one;
	}
	while ((values = policy_values_file(d->reload->session->policies, &at))) {
		one = watch_add(d->watch, values);
		rc = rc ? rc : one;
	}
	if (rc)
		log_warn("changes of policy files may go unnoticed: %s; SIGHUP reloads them",
			 rc == -ENOSPC ? "fs.inotify.max_user_watches is reached" : strerror(-rc));
}

static json_t *reload_now(struct duty *d)
{
	json_t *report = reload_policies(d->reload);

	d->first_change = d->quiet_at = UINT64_MAX;
	if (d->watch)
		watch_paths(d);
	return report;
}

static json_t *command(void *arg, const char *name, const json_t *request)
{
	(void)request;
	if (!strcmp(name, "reload"))
		return reload_now(arg);
	return json_pack("{ss}", "error", "there is no such command");
}

static void take_signal(struct duty *d)
{
	struct signalfd_siginfo s;

	while (read(d->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP && (!d->terminal || has_terminal()))
			json_decref(reload_now(d));
		else
			d->end = true;
	}
}

static void take_change(struct duty *d)
{
	uint64_t now = clock_mono_ns();

	if (!watch_read(d->watch))
		return;
	if (d->first_change == UINT64_MAX)
		d->first_change = now;
	d->quiet_at = now + QUIET_MS * NS_PER_MS;
	if (d->quiet_at > d->first_change + QUIET_MAX_MS * NS_PER_MS)
		d->quiet_at = d->first_change + QUIET_MAX_MS * NS_PER_MS;
}

static void take_commands(struct duty *d)
{
	int rc;

	if (!d->cfg->control[0])
		return;
	rc = control_open(&d->control, d->cfg->control);
	if (rc == -EADDRINUSE)
		log_info("%s belongs to another agent: commands do not reach this one",
			 d->cfg->control);
	else if (rc)
		log_warn("commands cannot be taken at %s: %s", d->cfg->control, strerror(-rc));
}

int duty_new(struct duty **out, struct reload *r, const sigset_t *signals)
{
	struct duty *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->reload = r;
	d->cfg = r->session->cfg;
	d->terminal = has_terminal();
	d->first_change = d->quiet_at = UINT64_MAX;
	d->signals = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0) {
		free(d);
		return -EMFILE;
	}
	rc = watch_new(&d->watch);
	if (rc)
		log_warn("changes of policy files go unnoticed: %s", strerror(-rc));
	else
		watch_paths(d);
	take_commands(d);
	*out = d;
	return 0;
}

void duty_free(struct duty *d)
{
	if (!d)
		return;
	control_close(d->control);
	watch_free(d->watch);
	close(d->signals);
	free(d);
}

/* Lines that are late are left out. */
static void tell_stats(struct duty *d)
{
	const struct session *s = d->reload->session;
	uint64_t now = clock_mono_ns();
	const struct stats_source stats = { .consumer = s->consumer,
					    .egress = s->egress,
					    .run_ns = now - s->started_ns };

	stats_line(&stats, stderr);
	while (d->stats_at <= now)
		d->stats_at += d->cfg->stats_interval_ns;
}

/* Waits for the next thing; a negative descriptor is left out by poll. */
static void wait(struct duty *d)
{
	struct pollfd p[] = {
		{ .fd = d->signals, .events = POLLIN },
		{ .fd = d->watch ? watch_fd(d->watch) : -1, .events = POLLIN },
		{ .fd = d->control ? control_fd(d->control) : -1, .events = POLLIN },
	};
	uint64_t work = MIN(d->quiet_at, d->stats_at), next = MIN(d->until, work);
	int n = poll(p, 3, next == UINT64_MAX ? -1 : clock_left_ms(next, INT_MAX));

	if (n <= 0)
		return;
	if (p[0].revents)
		take_signal(d);
	if (p[1].revents)
		take_change(d);
	if (p[2].revents && !d->end)
		control_serve(d->control, command, d);
}

void duty_run(struct duty *d)
{
	uint64_t now = clock_mono_ns();

	d->until = d->cfg->duration_ns ? now + d->cfg->duration_ns : UINT64_MAX;
	d->stats_at = d->cfg->stats_interval_ns ? now + d->cfg->stats_interval_ns : UINT64_MAX;
	while (!d->end && now < d->until) {
		wait(d);
		now = clock_mono_ns();
		if (!d->end && now >= d->quiet_at)
			json_decref(reload_now(d));
		if (!d->end && now >= d->stats_at && now < d->until)
			tell_stats(d);
	}
}
