/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The Kafka sink against librdkafka's mock brokers, which give the errors that a real broker
 * seldom gives: refusals, a lost producer state, a cluster that is down. The topic is read back
 * by a consumer. (tests/integration/kafka.test has the real broker.)
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sinks/kafka_conf.h"
#include "tests/harness/sinkrun.h"

extern const struct sink sink_kafka;

enum { PRODUCE = 0, DOCS_MAX = 20000 };

struct mock {
	rd_kafka_t *rk; /* carries the cluster */
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers;
};

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)text;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char err[256];

	rd_kafka_conf_set_log_cb(conf, no_log);
	if (brokers)
		rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err, sizeof(err));
	rd_kafka_conf_set(conf, "group.id", "test", err, sizeof(err));
	return rd_kafka_new(type, conf, err, sizeof(err));
}

static struct mock mock_new(void)
{
	struct mock m = { .rk = client(RD_KAFKA_PRODUCER, NULL) };

	CHECK(m.rk);
	m.cluster = rd_kafka_mock_cluster_new(m.rk, 1);
	CHECK(m.cluster);
	m.brokers = rd_kafka_mock_cluster_bootstraps(m.cluster);
	rd_kafka_mock_topic_create(m.cluster, "docs", 4, 1);
	rd_kafka_mock_topic_create(m.cluster, "alerts", 1, 1);
	return m;
}

static void mock_free(struct mock *m)
{
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
}

static int start(struct sinkrun *r, const struct mock *m, const char *more)
{
	char text[500];

	snprintf(text, sizeof(text), "brokers=%s,topic=docs%s", m->brokers, more);
	return sinkrun_open(r, &sink_kafka, text);
}

/* Reads a topic to its end: how often each document is there, and that the documents of each key
 * come in order, but for repetitions. Returns the number of messages. */
static uint32_t read_back(const struct mock *m, const char *topic, int partitions, uint8_t *seen)
{
	rd_kafka_t *c = client(RD_KAFKA_CONSUMER, m->brokers);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
	uint64_t last[DOCS_KEYS] = { 0 };
	uint32_t n = 0;

	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	CHECK_INT(rd_kafka_assign(c, all), 0);
	for (int idle = 0; idle < 15;) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(c, 100);
		uint64_t id, key = 0;

		if (!msg || msg->err) {
			idle++;
			if (msg)
				rd_kafka_message_destroy(msg);
			continue;
		}
		idle = 0;
		CHECK_INT(sscanf(msg->payload, "{\"tocsin\":{\"document\":{\"id\":\"0123abcd-%lu\"",
				 &id),
			  1);
		CHECK(((char *)msg->payload)[msg->len - 1] == '}');
		CHECK_INT(sscanf(msg->key, "%16lx", &key), 1);
		CHECK_INT(key, id % DOCS_KEYS);
		CHECK(id < DOCS_MAX);
		if (!seen[id])
			CHECK(!last[key] || id > last[key]);
		last[key] = MAX(last[key], id);
		seen[id]++;
		n++;
		rd_kafka_message_destroy(msg);
	}
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_consumer_close(c);
	rd_kafka_destroy(c);
	return n;
}

static void publish(struct sinkrun *r, uint64_t from, uint64_t to, enum doc_kind kind)
{
	for (uint64_t i = from; i < to; i += 50)
		sinkrun_send(r, i, 50, kind, 100);
}

static void delivers_each_once_by_key(void)
{
	static uint8_t seen[DOCS_MAX];
	struct mock m = mock_new();
	struct sinkrun r;

	CHECK_INT(start(&r, &m, ""), 0);
	publish(&r, 0, 5000, DOC_EVENT);
	CHECK(sinkrun_settle(&r, 5000, 20000));
	CHECK_INT(sink_counter(&r.st.delivered), 5000);
	CHECK_INT(sink_counter(&r.st.errors), 0);
	sinkrun_close(&r, 1000);
	CHECK_INT(read_back(&m, "docs", 4, seen), 5000);
	for (int i = 0; i < 5000; i++)
		CHECK_INT(seen[i], 1);
	mock_free(&m);
}

static void alerts_have_their_topic(void)
{
	static uint8_t docs[DOCS_MAX], alerts[DOCS_MAX];
	struct mock m = mock_new();
	struct sinkrun r;

	CHECK_INT(start(&r, &m, ",alert_topic=alerts"), 0);
	publish(&r, 0, 100, DOC_ALERT);
	publish(&r, 100, 300, DOC_EVENT);
	CHECK(sinkrun_settle(&r, 300, 20000));
	sinkrun_close(&r, 1000);
	CHECK_INT(read_back(&m, "docs", 4, docs), 200);
	CHECK_INT(read_back(&m, "alerts", 1, alerts), 100);
	CHECK(alerts[0] && !docs[0] && docs[100]);
	mock_free(&m);
}

static void too_large_is_refused_and_the_rest_passes(void)
{
	struct mock m = mock_new();
	struct sinkrun r;
	char text[SINK_ERROR_MAX];

	CHECK_INT(start(&r, &m, ",property=message.max.bytes=2000"), 0);
	sinkrun_send(&r, 0, 1, DOC_EVENT, 5000);
	sinkrun_send(&r, 1, 9, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 10, 20000));
	CHECK_INT(sink_counter(&r.st.delivered), 9);
	CHECK_INT(sink_counter(&r.st.lost[SINK_LOSS_REFUSED]), 1);
	sink_last_error(&r.st, text);
	CHECK_STR(text, "kafka: Broker: Message size too large");
	sinkrun_close(&r, 1000);
	mock_free(&m);
}

static void authorization_is_refused(void)
{
	struct mock m = mock_new();
	struct sinkrun r;
	char text[SINK_ERROR_MAX];

	CHECK_INT(start(&r, &m, ""), 0);
	rd_kafka_mock_push_request_errors(m.cluster, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	sinkrun_send(&r, 0, 1, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 1, 20000));
	CHECK_INT(sink_counter(&r.st.lost[SINK_LOSS_REFUSED]), 1);
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "Topic authorization failed"));
	/* It holds until librdkafka has asked for the topic again. */
	for (uint64_t i = 1; i < 100 && !sink_counter(&r.st.delivered); i++) {
		sinkrun_send(&r, i, 1, DOC_EVENT, 0);
		CHECK(sinkrun_settle(&r, i + 1, 20000));
		usleep(200000);
	}
	CHECK_INT(sink_counter(&r.st.delivered), 1);
	sinkrun_close(&r, 1000);
	mock_free(&m);
}

static void retriable_errors_are_retried(void)
{
	static uint8_t seen[DOCS_MAX];
	struct mock m = mock_new();
	struct sinkrun r;

	CHECK_INT(start(&r, &m, ""), 0);
	rd_kafka_mock_push_request_errors(
		m.cluster, PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	publish(&r, 0, 500, DOC_EVENT);
	CHECK(sinkrun_settle(&r, 500, 30000));
	CHECK_INT(sink_counter(&r.st.delivered), 500);
	sinkrun_close(&r, 1000);
	CHECK(read_back(&m, "docs", 4, seen) >= 500);
	mock_free(&m);
}

/* The broker has forgotten our sequence: librdkafka's producer ends for good, the sink does not. */
static void fatal_producer_error_loses_nothing(void)
{
	static uint8_t seen[DOCS_MAX];
	struct mock m = mock_new();
	struct sinkrun r;

	CHECK_INT(start(&r, &m, ""), 0);
	publish(&r, 0, 500, DOC_EVENT);
	CHECK(sinkrun_settle(&r, 500, 20000));
	rd_kafka_mock_push_request_errors(m.cluster, PRODUCE, 2,
					  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
					  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
	publish(&r, 500, 3000, DOC_EVENT);
	CHECK(sinkrun_settle(&r, 3000, 40000));
	if (sink_counter(&r.st.delivered) != 3000) {
		char text[SINK_ERROR_MAX];

		sink_last_error(&r.st, text);
		test_fail(__FILE__, __LINE__, "%lu delivered, %lu refused, %lu timed out: %s",
			  sink_counter(&r.st.delivered),
			  sink_counter(&r.st.lost[SINK_LOSS_REFUSED]),
			  sink_counter(&r.st.lost[SINK_LOSS_TIMEOUT]), text);
	}
	CHECK(sink_counter(&r.st.errors) > 0);
	sinkrun_close(&r, 1000);
	read_back(&m, "docs", 4, seen);
	for (int i = 0; i < 3000; i++)
		CHECK(seen[i] >= 1);
	mock_free(&m);
}

static void cluster_down_at_start_then_up(void)
{
	static uint8_t seen[DOCS_MAX];
	struct mock m = mock_new();
	struct sinkrun r;

	rd_kafka_mock_broker_set_down(m.cluster, 1);
	CHECK_INT(start(&r, &m, ""), 0);
	publish(&r, 0, 500, DOC_EVENT);
	CHECK(!sinkrun_settle(&r, 500, 1500));
	CHECK_INT(sink_counter(&r.st.delivered), 0);
	CHECK(sink_counter(&r.st.errors) > 0);
	rd_kafka_mock_broker_set_up(m.cluster, 1);
	CHECK(sinkrun_settle(&r, 500, 20000));
	CHECK_INT(sink_counter(&r.st.delivered), 500);
	CHECK_INT(sink_counter(&r.st.reconnects), 1);
	sinkrun_close(&r, 1000);
	CHECK_INT(read_back(&m, "docs", 4, seen), 500);
	mock_free(&m);
}

static void full_buffer_says_again_and_close_keeps_its_time(void)
{
	struct mock m = mock_new();
	struct batch *b = docs_batch(0, 500, DOC_EVENT, 1000);
	uint32_t taken = 0;
	struct sinkrun r;
	uint64_t t0;

	rd_kafka_mock_broker_set_down(m.cluster, 1);
	CHECK_INT(start(&r, &m, ",buffer=1MiB"), 0);
	while (taken < 20 && sinkrun_submit(&r, b, 50))
		taken++;
	CHECK(taken >= 1 && taken <= 3);
	t0 = clock_mono_ns();
	sinkrun_close(&r, 300);
	CHECK(clock_mono_ns() - t0 < 2 * NS_PER_SEC);
	CHECK(sink_counter(&r.st.lost[SINK_LOSS_TIMEOUT]) >= taken * 500);
	CHECK_INT(atomic_load(&b->refs), 1); /* every reference came back */
	batch_unref(b);
	mock_free(&m);
}

static void options_become_properties(void)
{
	static const char *const bad[] = {
		"topic=x",
		"brokers=a:1,topic=a/b",
		"brokers=a:1,alert_topic=..",
		"brokers=a:1,property=no.such.property=1",
		"brokers=a:1,property=linger.ms",
		"brokers=a:1,property=linger.ms=often",
	};
	struct kafka_cfg c = { 0 };
	struct sinkrun r;
	char err[200], value[200];
	rd_kafka_conf_t *conf;
	size_t n = sizeof(value);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int rc = sinkrun_open(&r, &sink_kafka, bad[i]);

		if (rc != -EINVAL || !*r.err)
			test_fail(__FILE__, __LINE__, "%s: %d %s", bad[i], rc, r.err);
	}
	option_defaults(kafka_opts, &c);
	CHECK_INT(option_parse_list(kafka_opts, &c, NULL, NULL,
				    STR("brokers=a:9092,b:9092,topic=x,property=linger.ms=7,"
					"property=ssl.cipher.suites=A,B,property=acks=1"),
				    err, sizeof(err)),
		  0);
	CHECK_STR(c.brokers, "a:9092,b:9092");
	CHECK_STR(c.topic, "x");
	CHECK_INT(kafka_conf_new(&conf, &c, err, sizeof(err)), 0);
	CHECK_INT(rd_kafka_conf_get(conf, "bootstrap.servers", value, &n), 0);
	CHECK_STR(value, "a:9092,b:9092");
	n = sizeof(value);
	CHECK_INT(rd_kafka_conf_get(conf, "linger.ms", value, &n), 0);
	CHECK_STR(value, "7");
	n = sizeof(value);
	CHECK_INT(rd_kafka_conf_get(conf, "ssl.cipher.suites", value, &n), 0);
	CHECK_STR(value, "A,B");
	CHECK(!kafka_conf_scram_is_broken(conf));
	rd_kafka_conf_destroy(conf);
	option_free(kafka_opts, &c);
}

static void scram_with_an_old_library_warns(void)
{
	struct sinkrun r;
	char text[SINK_ERROR_MAX];

	CHECK_INT(sinkrun_open(&r, &sink_kafka,
			       "brokers=127.0.0.1:1,property=security.protocol=SASL_PLAINTEXT,"
			       "property=sasl.mechanism=SCRAM-SHA-512,property=sasl.username=u,"
			       "property=sasl.password=p"),
		  0);
	sink_last_error(&r.st, text);
	sinkrun_close(&r, 0);
	if (rd_kafka_version() >= 0x02060100)
		CHECK(!strstr(text, "SCRAM"));
	else
		CHECK(strstr(text, "cannot log in with SCRAM to Kafka 4"));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(delivers_each_once_by_key),
		TEST(alerts_have_their_topic),
		TEST(too_large_is_refused_and_the_rest_passes),
		TEST(authorization_is_refused),
		TEST(retriable_errors_are_retried),
		TEST(fatal_producer_error_loses_nothing),
		TEST(cluster_down_at_start_then_up),
		TEST(full_buffer_says_again_and_close_keeps_its_time),
		TEST(options_become_properties),
		TEST(scram_with_an_old_library_warns),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
