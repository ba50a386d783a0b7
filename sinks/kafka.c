/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The Kafka sink: an idempotent producer with acks=all. The only user of librdkafka.
 *
 * Runs in its lane's thread, callbacks included: they come from rd_kafka_poll, rd_kafka_flush
 * and rd_kafka_purge, which only that thread calls. librdkafka's own threads touch nothing of
 * ours but the bytes of the batches, which are immutable; no document is copied.
 *
 * All messages made of one batch share one `flight`, which holds the reference to the batch and
 * is freed with the last delivery report.
 *
 * A producer that ends with a fatal error (the broker lost its state of our sequence) is replaced
 * by a new one; what it had not delivered is sent again, in the order in which it came, before
 * anything newer: at least once, with the same document ids.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"
#include "sinks/kafka_conf.h"
#include "sinks/sink.h"

#define SCHEMA_HEADER "tocsin/1"
#define CONTENT_TYPE "application/json"

struct flight {
	struct batch *b;
	uint64_t seq; /* of the batch */
	uint32_t left; /* messages on their way, and 1 while the batch is being taken */
};

struct again {
	struct flight *flight;
	uint32_t doc;
};

struct kafka {
	const struct kafka_cfg *cfg;
	struct sink_stats *st;
	rd_kafka_conf_t *conf; /* the pattern of every producer */
	rd_kafka_t *rk;
	struct flight *taking; /* batch taken in part, up to `next` */
	uint32_t next;
	uint64_t seq;
	struct again *again; /* of a producer that ended: to be sent first */
	uint32_t nagain, cap_again, again_next;
	bool fatal, down, closing;
};

static bool kafka_wants(const void *cfg, const struct doc *d)
{
	const struct kafka_cfg *c = cfg;

	return d->kind == DOC_ALERT || c->records;
}

static void release(struct flight *f)
{
	if (--f->left)
		return;
	batch_unref(f->b);
	free(f);
}

/* The document that starts at p: they lie in a batch in the order of their offsets. */
static uint32_t doc_at(const struct batch *b, const void *p)
{
	uint32_t off = (uint32_t)((const char *)p - b->data.p), lo = 0, hi = b->ndocs;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->docs[mid].json.off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static bool send_again(struct kafka *k, struct flight *f, uint32_t doc)
{
	if (k->nagain == k->cap_again) {
		uint32_t cap = k->cap_again ? k->cap_again * 2 : 256;
		struct again *p = realloc(k->again, cap * sizeof(*p));

		if (!p)
			return false;
		k->again = p;
		k->cap_again = cap;
	}
	k->again[k->nagain++] = (struct again){ f, doc };
	return true;
}

static enum sink_loss loss_of(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT: return SINK_LOSS_TIMEOUT;
	default: return SINK_LOSS_REFUSED;
	}
}

/* Errors that say something about the message, and not about the producer. */
static bool is_final(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: return true;
	default: return false;
	}
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka *k = opaque;
	struct flight *f = m->_private;

	/* A report may come before the error that says that all is over. */
	if (m->err && rd_kafka_fatal_error(rk, NULL, 0))
		k->fatal = true;
	if (!m->err) {
		sink_count(&k->st->delivered, 1);
		sink_count(&k->st->bytes, m->len);
		sink_count(&k->st->reconnects, k->down);
		k->down = false;
	} else if (k->fatal && !k->closing && !is_final(m->err) &&
		   send_again(k, f, doc_at(f->b, m->payload))) {
		return; /* keeps its part of the flight */
	} else {
		if (!k->closing) /* else the last error, which says why, would be "purged" */
			sink_error(k->st, "kafka: %s", rd_kafka_err2str(m->err));
		sink_count(&k->st->lost[loss_of(m->err)], 1);
	}
	release(f);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct kafka *k = opaque;
	char text[SINK_ERROR_MAX];

	if (err == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_fatal_error(rk, text, sizeof(text));
		reason = text;
		k->fatal = true;
	}
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		k->down = true;
	sink_error(k->st, "kafka: %s", reason);
}

/* Its messages reach us as errors; standard error belongs to the agent. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)text;
}

static int new_producer(struct kafka *k, char *err, size_t err_len)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
	char text[256];

	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_opaque(conf, k);
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (k->rk)
		return 0;
	rd_kafka_conf_destroy(conf);
	snprintf(err, err_len, "kafka: %s", text);
	return -EINVAL;
}

static int kafka_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		      size_t err_len)
{
	struct kafka *k = calloc(1, sizeof(*k));
	int rc;

	if (!k) {
		snprintf(err, err_len, "kafka: out of memory");
		return -ENOMEM;
	}
	k->cfg = cfg;
	k->st = st;
	rc = kafka_conf_new(&k->conf, cfg, err, err_len);
	if (!rc)
		rc = new_producer(k, err, err_len);
	if (rc) {
		if (k->conf)
			rd_kafka_conf_destroy(k->conf);
		free(k);
		return rc;
	}
	if (kafka_conf_scram_is_broken(k->conf))
		sink_note(st,
			  "librdkafka %s cannot log in with SCRAM to Kafka 4 (fixed in 2.6.1): "
			  "a right password is refused too; use a newer one, PLAIN or mutual TLS",
			  rd_kafka_version_str());
	*state = k;
	return 0;
}

static rd_kafka_headers_t *headers_of(const struct batch *b, const struct doc *d)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(3);
	struct str id = batch_str(b, d->id);

	rd_kafka_header_add(h, "tocsin-document-id", -1, id.p, id.len);
	rd_kafka_header_add(h, "tocsin-schema", -1, SCHEMA_HEADER, -1);
	rd_kafka_header_add(h, "content-type", -1, CONTENT_TYPE, -1);
	return h;
}

/* Hands one document to the producer, with a part of the flight. The headers are made apart:
 * single ones in the list below are freed twice by librdkafka 2.0.2 when it refuses a message. */
static rd_kafka_resp_err_t produce(struct kafka *k, struct flight *f, const struct doc *d)
{
	struct str json = batch_str(f->b, d->json), key = batch_str(f->b, d->key);
	bool alert = d->kind == DOC_ALERT && k->cfg->alert_topic;
	rd_kafka_headers_t *headers = headers_of(f->b, d);
	rd_kafka_vu_t v[] = {
		{ .vtype = RD_KAFKA_VTYPE_TOPIC },     { .vtype = RD_KAFKA_VTYPE_VALUE },
		{ .vtype = RD_KAFKA_VTYPE_KEY },       { .vtype = RD_KAFKA_VTYPE_OPAQUE },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP }, { .vtype = RD_KAFKA_VTYPE_HEADERS },
	};
	rd_kafka_resp_err_t rc;
	rd_kafka_error_t *e;

	v[0].u.cstr = alert ? k->cfg->alert_topic : k->cfg->topic;
	v[1].u.mem.ptr = (void *)json.p; /* not copied, not written to */
	v[1].u.mem.size = json.len && json.p[json.len - 1] == '\n' ? json.len - 1 : json.len;
	v[2].u.mem.ptr = key.len ? (void *)key.p : NULL;
	v[2].u.mem.size = key.len;
	v[3].u.ptr = f;
	v[4].u.i64 = (int64_t)(d->time_ns / NS_PER_MS);
	v[5].u.headers = headers;
	f->left++;
	e = rd_kafka_produceva(k->rk, v, ARRAY_LEN(v));
	if (!e)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	f->left--;
	rd_kafka_headers_destroy(headers); /* still ours */
	rc = rd_kafka_error_code(e);
	rd_kafka_error_destroy(e);
	return rc;
}

/* 0: taken, or lost and counted. -EAGAIN: not now. */
static int offer(struct kafka *k, struct flight *f, uint32_t doc)
{
	rd_kafka_resp_err_t e = produce(k, f, &f->b->docs[doc]);

	if (!e)
		return 0;
	if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return -EAGAIN;
	/* The code may be that of the error which ended the producer. */
	if (e == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(k->rk, NULL, 0)) {
		k->fatal = true;
		return -EAGAIN;
	}
	sink_error(k->st, "kafka: %s", rd_kafka_err2str(e));
	sink_count(&k->st->lost[SINK_LOSS_REFUSED], 1);
	return 0;
}

static int in_order(const void *a, const void *b)
{
	const struct again *x = a, *y = b;

	if (x->flight->seq != y->flight->seq)
		return x->flight->seq < y->flight->seq ? -1 : 1;
	return x->doc < y->doc ? -1 : x->doc > y->doc;
}

/* The producer ended: collects what it had not delivered, and starts another. */
static void replace_producer(struct kafka *k)
{
	char text[SINK_ERROR_MAX];

	/* What an earlier replacement had not sent again yet; sorted in below. */
	k->nagain -= k->again_next;
	if (k->again_next)
		memmove(k->again, k->again + k->again_next, k->nagain * sizeof(*k->again));
	k->again_next = 0;
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(k->rk, 1000);
	rd_kafka_destroy(TAKE_PTR(k->rk));
	k->fatal = false;
	if (k->nagain)
		qsort(k->again, k->nagain, sizeof(*k->again), in_order);
	if (new_producer(k, text, sizeof(text)))
		sink_error(k->st, "%s", text);
	else
		sink_count(&k->st->reconnects, 1);
}

/* 0: nothing is left to be sent again. */
static int send_left(struct kafka *k)
{
	while (k->again_next < k->nagain) {
		struct again *a = &k->again[k->again_next];

		if (offer(k, a->flight, a->doc))
			return -EAGAIN;
		release(a->flight); /* the part that the report had kept */
		k->again_next++;
	}
	k->nagain = k->again_next = 0;
	return 0;
}

/* 0: there is a producer, and all older documents are with it. */
static int prepare(struct kafka *k)
{
	char text[SINK_ERROR_MAX];

	if (k->fatal)
		replace_producer(k);
	if (!k->rk && new_producer(k, text, sizeof(text)))
		return -EAGAIN;
	return send_left(k);
}

static int kafka_submit(void *state, struct batch *b)
{
	struct kafka *k = state;

	if (prepare(k))
		return -EAGAIN;
	if (!k->taking) {
		k->taking = calloc(1, sizeof(*k->taking));
		if (!k->taking)
			return -EAGAIN;
		*k->taking = (struct flight){ .b = batch_ref(b), .seq = k->seq++, .left = 1 };
		k->next = 0;
	}
	for (; k->next < b->ndocs; k->next++)
		if (kafka_wants(k->cfg, &b->docs[k->next]) && offer(k, k->taking, k->next))
			return -EAGAIN;
	release(TAKE_PTR(k->taking));
	return 0;
}

static int kafka_poll(void *state, int timeout_ms)
{
	struct kafka *k = state;

	if (k->rk)
		rd_kafka_poll(k->rk, timeout_ms);
	else
		usleep((useconds_t)timeout_ms * 1000);
	prepare(k);
	return 0;
}

static void count_left(struct kafka *k)
{
	for (uint32_t i = k->again_next; i < k->nagain; i++) {
		sink_count(&k->st->lost[SINK_LOSS_TIMEOUT], 1);
		release(k->again[i].flight);
	}
	free(k->again);
}

static void kafka_close(void *state, uint64_t deadline_ns)
{
	struct kafka *k = state;

	while (k->rk && (k->again_next < k->nagain || k->fatal || rd_kafka_outq_len(k->rk))) {
		int left = clock_left_ms(deadline_ns, 100);

		if (!left)
			break;
		if (prepare(k))
			kafka_poll(k, left);
		else
			rd_kafka_flush(k->rk, left);
	}
	k->closing = true;
	if (k->rk) {
		rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		while (rd_kafka_outq_len(k->rk) && rd_kafka_poll(k->rk, 100) > 0)
			;
		rd_kafka_destroy(k->rk);
	}
	count_left(k);
	if (k->taking)
		release(k->taking);
	rd_kafka_conf_destroy(k->conf);
	free(k);
}

const struct sink sink_kafka = {
	.name = "kafka",
	.help = "Apache Kafka: idempotent, acks=all, keyed by process",
	.opts = kafka_opts,
	.cfg_size = sizeof(struct kafka_cfg),
	.wants = kafka_wants,
	.open = kafka_open,
	.submit = kafka_submit,
	.poll = kafka_poll,
	.close = kafka_close,
};
