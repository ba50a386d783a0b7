/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The configuration of kafka_conf.h: what the product guarantees first, then what the user says
 * by `property`, which wins.
 *
 * A property's value may have commas, although commas separate options: a piece without '='
 * continues the one before it, as everywhere.
 */
#include "sinks/kafka_conf.h"

#include <errno.h>

#include "pipeline/util.h"

enum { SCRAM_FIXED = 0x02060100, TOPIC_MAX = 249 };

const struct option kafka_opts[] = {
	{ .key = "brokers",
	  .type = OPT_STR,
	  OPT(struct kafka_cfg, brokers),
	  .max = 4000,
	  .help = "HOST:PORT of one or more brokers, separated by commas (required)" },
	{ .key = "topic",
	  .type = OPT_STR,
	  OPT(struct kafka_cfg, topic),
	  .def = "tocsin",
	  .min = 1,
	  .max = TOPIC_MAX,
	  .help = "Topic of all documents" },
	{ .key = "alert_topic",
	  .type = OPT_STR,
	  OPT(struct kafka_cfg, alert_topic),
	  .max = TOPIC_MAX,
	  .help = "Topic of alerts, if they are to have one of their own" },
	{ .key = "records",
	  .type = OPT_BOOL,
	  OPT(struct kafka_cfg, records),
	  .def = "true",
	  .help = "Also records and metrics; false: alerts only" },
	{ .key = "buffer",
	  .type = OPT_SIZE,
	  OPT(struct kafka_cfg, buffer_bytes),
	  .def = "16MiB",
	  .min = 1 << 20,
	  .max = 1 << 30,
	  .help = "Documents waiting for the brokers, in bytes, beside the queue" },
	{ .key = "client_id",
	  .type = OPT_STR,
	  OPT(struct kafka_cfg, client_id),
	  .def = "tocsin",
	  .min = 1,
	  .max = 200,
	  .help = "Name under which brokers see the agent" },
	{ .key = "property",
	  .type = OPT_LIST,
	  OPT(struct kafka_cfg, property),
	  .help = "NAME=VALUE of any librdkafka property, repeatable: property=linger.ms=50" },
	{ 0 },
};

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, char *err,
	       size_t err_len)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return 0;
	snprintf(err, err_len, "kafka: property %s: %s", name, text);
	return -EINVAL;
}

static bool topic_is_valid(const char *t)
{
	size_t n = strspn(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n && !t[n] && n <= TOPIC_MAX && strcmp(t, ".") && strcmp(t, "..");
}

static int check(const struct kafka_cfg *c, char *err, size_t err_len)
{
	if (!c->brokers || !*c->brokers)
		snprintf(err, err_len, "kafka: brokers=HOST:PORT is missing");
	else if (!topic_is_valid(c->topic))
		snprintf(err, err_len, "kafka: topic: not a topic's name");
	else if (c->alert_topic && !topic_is_valid(c->alert_topic))
		snprintf(err, err_len, "kafka: alert_topic: not a topic's name");
	else
		return 0;
	return -EINVAL;
}

/* What every producer of ours has. Documents wait without end (message.timeout.ms=0): the bound
 * is the room they have, in the buffer here and then in the queue. */
static int set_ours(rd_kafka_conf_t *conf, const struct kafka_cfg *c, char *err, size_t err_len)
{
	char kbytes[24];
	const char *const ours[][2] = {
		{ "bootstrap.servers", c->brokers },
		{ "client.id", c->client_id },
		{ "enable.idempotence", "true" },
		{ "acks", "all" },
		{ "message.timeout.ms", "0" },
		{ "partitioner", "murmur2_random" }, /* where a Java producer puts that key */
		{ "queue.buffering.max.kbytes", kbytes },
		{ "reconnect.backoff.max.ms", "3000" },
		{ "socket.keepalive.enable", "true" },
	};
	int rc = 0;

	snprintf(kbytes, sizeof(kbytes), "%llu", (unsigned long long)(c->buffer_bytes >> 10));
	for (size_t i = 0; i < ARRAY_LEN(ours) && !rc; i++)
		rc = set(conf, ours[i][0], ours[i][1], err, err_len);
	return rc;
}

/* Item i with those behind it that have no '='; *used: how many. */
static char *joined(const struct opt_list *l, uint32_t i, uint32_t *used)
{
	char *text = strdup(l->items[i]), *more;

	for (*used = 1; text && i + *used < l->count && !strchr(l->items[i + *used], '=');
	     ++*used) {
		if (asprintf(&more, "%s,%s", text, l->items[i + *used]) < 0)
			more = NULL;
		free(text);
		text = more;
	}
	return text;
}

static int set_users(rd_kafka_conf_t *conf, const struct kafka_cfg *c, char *err, size_t err_len)
{
	int rc = 0;

	for (uint32_t i = 0, used; i < c->property.count && !rc; i += used) {
		CLEANUP_FREE char *text = joined(&c->property, i, &used);
		char *value = text ? strchr(text, '=') : NULL;

		if (!value || value == text) {
			snprintf(err, err_len, "kafka: property=%s: not NAME=VALUE",
				 text ? text : "");
			return -EINVAL;
		}
		*value++ = '\0';
		rc = set(conf, text, value, err, err_len);
	}
	return rc;
}

int kafka_conf_new(rd_kafka_conf_t **out, const struct kafka_cfg *c, char *err, size_t err_len)
{
	rd_kafka_conf_t *conf;
	int rc = check(c, err, err_len);

	if (rc)
		return rc;
	conf = rd_kafka_conf_new();
	rc = set_ours(conf, c, err, err_len);
	if (!rc)
		rc = set_users(conf, c, err, err_len);
	if (rc)
		rd_kafka_conf_destroy(conf);
	else
		*out = conf;
	return rc;
}

bool kafka_conf_scram_is_broken(const rd_kafka_conf_t *conf)
{
	char value[256] = "";
	size_t n = sizeof(value);

	if (rd_kafka_version() >= SCRAM_FIXED)
		return false;
	if (rd_kafka_conf_get(conf, "sasl.mechanisms", value, &n) != RD_KAFKA_CONF_OK)
		return false;
	return strstr(value, "SCRAM");
}
