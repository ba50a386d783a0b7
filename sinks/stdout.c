/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The stdout sink: one line a document, as text for people or as JSON.
 *
 * Runs in its lane's thread. It must not block in write, or a terminal stopped with ^S or a pager
 * nobody scrolls would hold up the shutdown. Setting O_NONBLOCK on descriptor 1 would set it for
 * the shell as well, which shares the open file, so pipes and terminals are opened a second time
 * through /proc/self/fd; where that is refused, only what a pipe has room for is written.
 *
 * A destination that is gone (a closed pipe) does not come back: what follows is counted as lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"
#include "sinks/marks.h"
#include "sinks/sink.h"

enum stdout_format { FORMAT_AUTO, FORMAT_TEXT, FORMAT_JSON };
enum { BACKLOG_BYTES = 64 << 10, RETRY_MS = 200 };

struct stdout_cfg {
	uint32_t format; /* enum stdout_format */
	uint32_t records;
};

struct console {
	int fd;
	bool is_socket, may_block, text, colour, gone;
	struct buf out; /* bytes not yet written start at `sent` */
	size_t sent;
	uint64_t base; /* offset in the stream of out.p[0] */
	struct marks marks;
	const struct batch *partial; /* batch taken in part, up to `next` */
	uint32_t next;
	uint64_t retry_ns; /* after a local error: not before */
	const struct stdout_cfg *cfg;
	struct sink_stats *st;
};

static const char *const format_names[] = { "auto", "text", "json", NULL };

static const struct option stdout_opts[] = {
	{ .key = "format",
	  .type = OPT_ENUM,
	  OPT(struct stdout_cfg, format),
	  .def = "auto",
	  .names = format_names,
	  .help = "text for people, json, or auto: text on a terminal" },
	{ .key = "records",
	  .type = OPT_BOOL,
	  OPT(struct stdout_cfg, records),
	  .def = "false",
	  .help = "Also records and metrics, not only alerts" },
	{ 0 },
};

static const char *const severity_colour[SEV_MAX] = {
	[SEV_NONE] = "\033[2m",    [SEV_INFO] = "\033[36m", [SEV_LOW] = "\033[32m",
	[SEV_MEDIUM] = "\033[33m", [SEV_HIGH] = "\033[31m", [SEV_CRITICAL] = "\033[1;31m",
};

static bool stdout_wants(const void *cfg, const struct doc *d)
{
	const struct stdout_cfg *c = cfg;

	return d->kind == DOC_ALERT || c->records;
}

static bool stdout_is_text(const struct stdout_cfg *c)
{
	return c->format == FORMAT_TEXT || (c->format == FORMAT_AUTO && isatty(STDOUT_FILENO));
}

static bool stdout_wants_text(const void *cfg)
{
	return stdout_is_text(cfg);
}

static bool colour_allowed(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

/* A descriptor that does not block, where one can be had; never the caller's own. */
static int open_again(struct console *c)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st))
		return -errno;
	c->is_socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		c->fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (c->fd >= 0)
			return 0;
		c->may_block = true;
	}
	c->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return c->fd < 0 ? -errno : 0;
}

static int stdout_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		       size_t err_len)
{
	struct console *c = calloc(1, sizeof(*c));
	int rc;

	if (!c) {
		snprintf(err, err_len, "stdout: out of memory");
		return -ENOMEM;
	}
	c->cfg = cfg;
	c->st = st;
	c->fd = -1;
	c->text = stdout_is_text(cfg);
	c->colour = c->text && colour_allowed();
	rc = open_again(c);
	if (rc) {
		sink_error(st, "standard output is closed: %s", strerror(-rc));
		c->gone = true;
	}
	*state = c;
	return 0;
}

static ssize_t put(struct console *c, const char *p, size_t n)
{
	ssize_t rc;

	if (c->is_socket) {
		rc = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (c->may_block) {
		struct pollfd ready = { c->fd, POLLOUT, 0 };

		if (poll(&ready, 1, 0) <= 0)
			return -EAGAIN;
		rc = write(c->fd, p, MIN(n, (size_t)PIPE_BUF));
	} else {
		rc = write(c->fd, p, n);
	}
	return rc < 0 ? -errno : rc;
}

/* What is not through when the destination is gone, and all that comes later, is lost. */
static void give_up(struct console *c, int error)
{
	sink_error(c->st, "standard output: %s", strerror(error));
	sink_count(&c->st->lost[SINK_LOSS_IO], marks_pop(&c->marks, UINT64_MAX));
	c->gone = true;
	buf_reset(&c->out);
	c->sent = 0;
}

static bool is_local_error(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO ||
	       error == EFBIG;
}

/* 0: all written. -EAGAIN: some is left. */
static int flush(struct console *c)
{
	if (c->retry_ns && clock_mono_ns() < c->retry_ns)
		return -EAGAIN;
	while (c->sent < c->out.len) {
		ssize_t n = put(c, c->out.p + c->sent, c->out.len - c->sent);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN || n == -EWOULDBLOCK)
			return -EAGAIN;
		if (n < 0 && is_local_error((int)-n)) {
			sink_error(c->st, "standard output: %s", strerror((int)-n));
			atomic_store(&c->st->held_by, SINK_LOSS_IO);
			c->retry_ns = clock_mono_ns() + RETRY_MS * NS_PER_MS;
			return -EAGAIN;
		}
		if (n < 0) {
			give_up(c, (int)-n);
			return 0;
		}
		c->sent += (size_t)n;
		sink_count(&c->st->bytes, (uint64_t)n);
		sink_count(&c->st->delivered, marks_pop(&c->marks, c->base + c->sent));
	}
	atomic_store(&c->st->held_by, SINK_LOSS_QUEUE_FULL);
	c->retry_ns = 0;
	c->base += c->out.len;
	c->sent = 0;
	buf_reset(&c->out);
	return 0;
}

/* Severity and rule in colour, the rest as it is. */
static void add_coloured(struct console *c, const struct batch *b, const struct doc *d)
{
	struct str text = batch_str(b, d->text), mark = batch_str(b, d->text_mark);
	uint32_t before = d->text_mark.off - d->text.off;

	buf_add(&c->out, text.p, before);
	buf_lit(&c->out, severity_colour[d->severity < SEV_MAX ? d->severity : SEV_NONE]);
	buf_str(&c->out, mark);
	buf_lit(&c->out, "\033[0m");
	buf_add(&c->out, mark.p + mark.len, text.len - before - mark.len);
}

static void add_line(struct console *c, const struct batch *b, const struct doc *d)
{
	struct str json = batch_str(b, d->json), text = batch_str(b, d->text);

	if (!text.len)
		text = batch_str(b, d->message);
	if (!c->text || !text.len) {
		buf_str(&c->out, json);
		return;
	}
	if (c->colour && d->text_mark.len)
		add_coloured(c, b, d);
	else
		buf_str(&c->out, text);
	buf_char(&c->out, '\n');
}

static void take(struct console *c, const struct batch *b, const struct doc *d)
{
	size_t before = c->out.len;

	add_line(c, b, d);
	if (!c->gone && !c->out.failed && !marks_push(&c->marks, c->base + c->out.len))
		return;
	c->out.len = before;
	c->out.failed = false;
	sink_count(&c->st->lost[SINK_LOSS_IO], 1);
}

static int stdout_submit(void *state, struct batch *b)
{
	struct console *c = state;

	if (c->partial != b)
		c->next = 0;
	c->partial = b;
	while (c->next < b->ndocs) {
		const struct doc *d = &b->docs[c->next];

		if (stdout_wants(c->cfg, d)) {
			if (c->out.len >= BACKLOG_BYTES && flush(c))
				return -EAGAIN;
			take(c, b, d);
		}
		c->next++;
	}
	c->partial = NULL;
	flush(c);
	return 0;
}

static int stdout_poll(void *state, int timeout_ms)
{
	struct console *c = state;
	struct pollfd ready = { c->fd, POLLOUT, 0 };

	if (c->sent == c->out.len)
		return 0;
	if (c->retry_ns)
		poll(NULL, 0, clock_left_ms(c->retry_ns, timeout_ms));
	else
		poll(&ready, 1, timeout_ms);
	flush(c);
	return 0;
}

static void stdout_close(void *state, uint64_t deadline_ns)
{
	struct console *c = state;
	int left;

	while (c->sent < c->out.len && (left = clock_left_ms(deadline_ns, 100)) > 0)
		stdout_poll(c, left);
	marks_free(&c->marks);
	buf_free(&c->out);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

const struct sink sink_stdout = {
	.name = "stdout",
	.help = "Standard output: a line for each alert, as text or JSON",
	.opts = stdout_opts,
	.cfg_size = sizeof(struct stdout_cfg),
	.wants = stdout_wants,
	.wants_text = stdout_wants_text,
	.open = stdout_open,
	.submit = stdout_submit,
	.poll = stdout_poll,
	.close = stdout_close,
};
