/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The syslog sink: alerts (or all documents) as RFC 5424 messages to a Unix socket, or by UDP or
 * TCP. Runs in its lane's thread.
 *
 * Messages wait in one buffer, framed for the transport, until they are through:
 *
 *   base        boundary             sent              end
 *    |  gone     | not acknowledged   | not sent        |
 *
 * A datagram is through when the kernel took it. By TCP a message is through when the receiver's
 * TCP acknowledged its last byte; after a broken connection all others are sent again, so that a
 * receiver may see one twice (with the same id), but none is lost in the sender's own buffers.
 */
#include <errno.h>
#include <poll.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"
#include "sinks/marks.h"
#include "sinks/sink.h"
#include "sinks/syslog_format.h"
#include "sinks/syslog_net.h"

enum {
	BACKLOG_BYTES = 256 << 10,
	COMPACT_BYTES = 64 << 10,
	DEFAULT_BYTES = 8192,
	DEFAULT_UDP_BYTES = 2048, /* what RFC 5426 has every receiver take, or nearly */
	MAX_UDP_BYTES = 65507,
	FRAME_ROOM = 32,
};

struct syslog_cfg {
	const char *path, *address, *app_name, *hostname;
	uint32_t transport, facility, msg, records;
	uint64_t max_bytes;
};

struct syslog {
	const struct syslog_cfg *cfg;
	struct sink_stats *st;
	struct syslog_format format;
	struct syslog_net *net;
	struct buf out; /* from offset `base` of the stream on */
	struct buf scratch;
	uint64_t base, sent;
	struct marks marks;
	bool was_up;
	const struct batch *partial; /* batch taken in part, up to `next` */
	uint32_t next;
};

static const char *const transport_names[] = { "unix", "udp", "tcp", NULL };
static const char *const msg_names[] = { "message", "json", NULL };
static const char *const facility_names[] = {
	"kern",   "user",     "mail",   "daemon", "auth",   "syslog", "lpr",   "news",   "uucp",
	"cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock", "local0", "local1",
	"local2", "local3",   "local4", "local5", "local6", "local7", NULL,
};

static const struct option syslog_opts[] = {
	{ .key = "transport",
	  .type = OPT_ENUM,
	  OPT(struct syslog_cfg, transport),
	  .def = "unix",
	  .names = transport_names,
	  .help = "unix socket, udp, or tcp with octet counting" },
	{ .key = "path",
	  .type = OPT_STR,
	  OPT(struct syslog_cfg, path),
	  .def = "/dev/log",
	  .min = 1,
	  .max = 107,
	  .help = "Unix socket, datagram or stream" },
	{ .key = "address",
	  .type = OPT_STR,
	  OPT(struct syslog_cfg, address),
	  .max = 300,
	  .help = "HOST:PORT of udp and tcp; port 514 if not given; [ADDRESS]:PORT for IPv6" },
	{ .key = "facility",
	  .type = OPT_ENUM,
	  OPT(struct syslog_cfg, facility),
	  .def = "authpriv",
	  .names = facility_names,
	  .help = "Facility of the messages" },
	{ .key = "msg",
	  .type = OPT_ENUM,
	  OPT(struct syslog_cfg, msg),
	  .def = "message",
	  .names = msg_names,
	  .help = "What MSG is: the text of the alert, or the whole JSON document" },
	{ .key = "max_bytes",
	  .type = OPT_SIZE,
	  OPT(struct syslog_cfg, max_bytes),
	  .def = "0",
	  .max = 1 << 20,
	  .help = "Bound of a message, from 1024 on; 0: 8192, or 2048 by udp" },
	{ .key = "records",
	  .type = OPT_BOOL,
	  OPT(struct syslog_cfg, records),
	  .def = "false",
	  .help = "Also records and metrics, not only alerts" },
	{ .key = "app_name",
	  .type = OPT_STR,
	  OPT(struct syslog_cfg, app_name),
	  .def = "tocsin",
	  .min = 1,
	  .max = 48,
	  .help = "APP-NAME of the messages" },
	{ .key = "hostname",
	  .type = OPT_STR,
	  OPT(struct syslog_cfg, hostname),
	  .max = 255,
	  .help = "HOSTNAME of the messages; the host's own if not given" },
	{ 0 },
};

static bool syslog_wants(const void *cfg, const struct doc *d)
{
	const struct syslog_cfg *c = cfg;

	return d->kind == DOC_ALERT || c->records;
}

static int check_bytes(const struct syslog_cfg *c, char *err, size_t err_len)
{
	if (c->max_bytes && c->max_bytes < SYSLOG_MIN_BYTES) {
		snprintf(err, err_len, "syslog: max_bytes must be at least %d", SYSLOG_MIN_BYTES);
		return -EINVAL;
	}
	if (c->transport == TRANSPORT_UDP && c->max_bytes > MAX_UDP_BYTES) {
		snprintf(err, err_len, "syslog: max_bytes is at most %d by udp", MAX_UDP_BYTES);
		return -EINVAL;
	}
	return 0;
}

static void set_format(struct syslog_format *f, const struct syslog_cfg *c)
{
	char host[256] = "";

	if (c->hostname)
		snprintf(host, sizeof(host), "%s", c->hostname);
	else
		gethostname(host, sizeof(host) - 1);
	syslog_word(f->host, sizeof(f->host), str_of(host));
	syslog_word(f->app, sizeof(f->app), str_of(c->app_name));
	f->procid = (uint32_t)getpid();
	f->facility = c->facility;
	f->json = c->msg;
	f->max_bytes = c->max_bytes                    ? c->max_bytes
		       : c->transport == TRANSPORT_UDP ? DEFAULT_UDP_BYTES
						       : DEFAULT_BYTES;
}

static int syslog_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		       size_t err_len)
{
	const struct syslog_cfg *c = cfg;
	int rc = check_bytes(c, err, err_len);
	struct syslog *s;

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(err, err_len, "syslog: out of memory");
		return -ENOMEM;
	}
	s->cfg = c;
	s->st = st;
	set_format(&s->format, c);
	rc = syslog_net_new(&s->net, (enum syslog_transport)c->transport, c->path, c->address, err,
			    err_len);
	if (rc)
		free(s);
	else
		*state = s;
	return rc;
}

/* Gives back the bytes before the first message that is not through. */
static void compact(struct syslog *s)
{
	size_t gone = s->marks.boundary - s->base;

	if (gone < s->out.len && gone < COMPACT_BYTES)
		return;
	memmove(s->out.p, s->out.p + gone, s->out.len - gone);
	s->out.len -= gone;
	s->base += gone;
}

static void through(struct syslog *s, uint64_t upto)
{
	uint64_t before = s->marks.boundary;
	uint32_t n = marks_pop(&s->marks, upto);

	if (!n)
		return;
	sink_count(&s->st->delivered, n);
	sink_count(&s->st->bytes, s->marks.boundary - before);
	compact(s);
}

static void disconnected(struct syslog *s, int error)
{
	sink_error(s->st, "syslog: connection lost: %s", strerror(error));
	s->sent = s->marks.boundary;
}

static void flush_stream(struct syslog *s)
{
	uint64_t unacked, end = s->base + s->out.len;
	int64_t n;
	int rc;

	while (s->sent < end) {
		n = syslog_net_send(s->net, s->out.p + (s->sent - s->base), end - s->sent);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			disconnected(s, (int)-n);
			return;
		}
		s->sent += (uint64_t)n;
	}
	rc = syslog_net_check(s->net, &unacked);
	through(s, s->sent - MIN(unacked, s->sent));
	if (!rc)
		return;
	syslog_net_drop(s->net);
	disconnected(s, -rc);
}

static void flush_datagrams(struct syslog *s)
{
	while (s->marks.count) {
		uint64_t from = s->marks.boundary, to = s->marks.end[s->marks.head];
		int64_t n = syslog_net_send(s->net, s->out.p + (from - s->base), to - from);

		if (n == -EAGAIN)
			return;
		if (n == -EMSGSIZE) {
			sink_error(s->st, "syslog: a message of %llu bytes is refused as too long",
				   (unsigned long long)(to - from));
			sink_count(&s->st->lost[SINK_LOSS_REFUSED], marks_pop(&s->marks, to));
			compact(s);
		} else if (n < 0) {
			disconnected(s, (int)-n);
			return;
		} else {
			through(s, to);
		}
	}
}

static void work(struct syslog *s, int timeout_ms)
{
	char text[SINK_ERROR_MAX];
	int rc;

	if (!syslog_net_connected(s->net)) {
		rc = syslog_net_connect(s->net, timeout_ms, text, sizeof(text));
		if (rc && rc != -EAGAIN)
			sink_error(s->st, "syslog: %s", text);
		if (rc)
			return;
		sink_count(&s->st->reconnects, s->was_up);
		s->was_up = true;
		timeout_ms = 0;
	}
	if (syslog_net_is_stream(s->net))
		flush_stream(s);
	else
		flush_datagrams(s);
	if (timeout_ms && s->marks.count && syslog_net_connected(s->net)) {
		if (s->sent < s->base + s->out.len || !syslog_net_is_stream(s->net))
			syslog_net_wait(s->net, timeout_ms);
		else /* all sent: acknowledgements wake nobody */
			poll(NULL, 0, MIN(timeout_ms, 5));
	}
}

/* Appends the message with the framing of the transport. */
static int frame(struct syslog *s, const struct batch *b, const struct doc *d)
{
	size_t before = s->out.len;

	buf_reset(&s->scratch);
	syslog_format(&s->scratch, &s->format, b, d);
	if (s->scratch.failed || marks_reserve(&s->marks))
		return -ENOMEM;
	if (syslog_net_is_tcp(s->net))
		buf_addf(&s->out, "%zu ", s->scratch.len);
	buf_add(&s->out, s->scratch.p, s->scratch.len);
	/* A Unix stream has no counts: a line each, which no message of ours breaks. */
	if (syslog_net_is_stream(s->net) && !syslog_net_is_tcp(s->net))
		buf_char(&s->out, '\n');
	if (s->out.failed) {
		s->out.len = before;
		s->out.failed = false;
		return -ENOMEM;
	}
	marks_push(&s->marks, s->base + s->out.len);
	return 0;
}

static int syslog_submit(void *state, struct batch *b)
{
	struct syslog *s = state;

	/* Framing depends on what kind of socket it is, which for Unix the connection shows. */
	if (!s->was_up)
		work(s, 0);
	if (!s->was_up)
		return -EAGAIN;
	if (s->partial != b)
		s->next = 0;
	s->partial = b;
	for (; s->next < b->ndocs; s->next++) {
		const struct doc *d = &b->docs[s->next];

		if (!syslog_wants(s->cfg, d))
			continue;
		if (s->out.len + s->format.max_bytes + FRAME_ROOM > BACKLOG_BYTES)
			work(s, 0);
		if (s->out.len && s->out.len + s->format.max_bytes + FRAME_ROOM > BACKLOG_BYTES)
			return -EAGAIN;
		if (frame(s, b, d))
			sink_count(&s->st->lost[SINK_LOSS_IO], 1);
	}
	s->partial = NULL;
	work(s, 0);
	return 0;
}

static int syslog_poll(void *state, int timeout_ms)
{
	work(state, timeout_ms);
	return 0;
}

static void syslog_close(void *state, uint64_t deadline_ns)
{
	struct syslog *s = state;
	int left;

	while (s->marks.count && (left = clock_left_ms(deadline_ns, 50)) > 0)
		work(s, left);
	sink_count(&s->st->lost[SINK_LOSS_TIMEOUT], s->marks.count);
	syslog_net_shutdown(s->net);
	syslog_net_free(s->net);
	marks_free(&s->marks);
	buf_free(&s->out);
	buf_free(&s->scratch);
	free(s);
}

const struct sink sink_syslog = {
	.name = "syslog",
	.help = "Syslog, RFC 5424: to a Unix socket, or by UDP or TCP",
	.opts = syslog_opts,
	.cfg_size = sizeof(struct syslog_cfg),
	.wants = syslog_wants,
	.open = syslog_open,
	.submit = syslog_submit,
	.poll = syslog_poll,
	.close = syslog_close,
};
