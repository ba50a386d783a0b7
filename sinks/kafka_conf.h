/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Options of the Kafka sink, and the librdkafka configuration made of them.
 */
#ifndef TOCSIN_KAFKA_CONF_H
#define TOCSIN_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "pipeline/option.h"

struct kafka_cfg {
	const char *brokers, *topic, *alert_topic, *client_id;
	uint64_t buffer_bytes;
	uint32_t records;
	struct opt_list property;
};

extern const struct option kafka_opts[];

/* 0, or -EINVAL with a text for people. */
int kafka_conf_new(rd_kafka_conf_t **out, const struct kafka_cfg *c, char *err, size_t err_len);
/* SCRAM is asked for and this librdkafka (before 2.6.1) sends its nonce twice, which Kafka 4
 * answers like a wrong password. */
bool kafka_conf_scram_is_broken(const rd_kafka_conf_t *conf);

#endif
