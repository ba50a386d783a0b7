/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A connection of the syslog sink: to a Unix socket, or by UDP or TCP. It never blocks past the
 * time it is given, name resolution included, and comes back by itself. The sink's thread.
 */
#ifndef TOCSIN_SYSLOG_NET_H
#define TOCSIN_SYSLOG_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum syslog_transport { TRANSPORT_UNIX, TRANSPORT_UDP, TRANSPORT_TCP };

struct syslog_net;

/* path: of the Unix socket. address: HOST:PORT, HOST or [V6]:PORT; checked here. -EINVAL with err
 * filled. The strings stay the caller's. Does not connect yet. */
int syslog_net_new(struct syslog_net **out, enum syslog_transport transport, const char *path,
		   const char *address, char *err, size_t err_len);
void syslog_net_free(struct syslog_net *n);

/* Goes on with connecting, waiting at most timeout_ms. 0: connected. -EAGAIN: not yet. Another
 * negative errno: this attempt failed (text: why), the next one comes after the back-off. */
int syslog_net_connect(struct syslog_net *n, int timeout_ms, char *text, size_t text_len);
/* Connected streams of bytes (TCP and Unix stream) as against datagrams. */
bool syslog_net_is_stream(const struct syslog_net *n);
bool syslog_net_is_tcp(const struct syslog_net *n);
bool syslog_net_connected(const struct syslog_net *n);
/* Bytes sent, or -EAGAIN, -EMSGSIZE (this datagram can never go), or another errno: disconnected. */
int64_t syslog_net_send(struct syslog_net *n, const void *p, size_t len);
/* Waits until it can be written, or something arrived. */
void syslog_net_wait(struct syslog_net *n, int timeout_ms);
/* *unacked: bytes sent and not yet acknowledged by the peer's TCP; 0 for what has no such thing.
 * 0, or -errno: the peer has closed the connection (*unacked is filled even so); drop it. */
int syslog_net_check(struct syslog_net *n, uint64_t *unacked);
/* After an error that the caller saw: closes, and connects again after the back-off. */
void syslog_net_drop(struct syslog_net *n);
/* No more to send. */
void syslog_net_shutdown(struct syslog_net *n);

#endif
