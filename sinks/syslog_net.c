/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Connections of syslog_net.h: a small state machine, driven by syslog_net_connect.
 *
 *   IDLE -(back-off over)-> RESOLVING -> CONNECTING -> UP -(error)-> IDLE
 *
 * Numeric addresses are taken as they are. Names are resolved in a thread made for one query,
 * since getaddrinfo may take half a minute. Who lets go of the query last frees it: the thread,
 * when the sink closed meanwhile.
 */
#include "sinks/syslog_net.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (10 * NS_PER_SEC)
#define CONNECT_TIMEOUT_NS (10 * NS_PER_SEC)

enum net_state { NET_IDLE, NET_RESOLVING, NET_CONNECTING, NET_UP };

struct query {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done, abandoned;
	int rc;
	struct addrinfo hints, *list;
	char host[256], port[16];
};

struct syslog_net {
	enum syslog_transport transport;
	const char *path;
	char host[256], port[16];
	enum net_state state;
	bool stream; /* Unix: found out by trying */
	int fd;
	struct query *query;
	struct addrinfo *list, *next; /* addresses, the next one to try */
	uint64_t retry_ns, backoff_ns, give_up_ns;
};

static int bad_address(const char *address, char *err, size_t err_len)
{
	snprintf(err, err_len, "address=%s: not HOST:PORT", address ? address : "");
	return -EINVAL;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static int split_address(struct syslog_net *n, const char *address, char *err, size_t err_len)
{
	const char *end, *port = NULL;
	size_t len;
	char *stop;

	if (!address || !*address)
		return bad_address(address, err, err_len);
	if (*address == '[') {
		end = strchr(++address, ']');
		if (!end || (end[1] && end[1] != ':'))
			return bad_address(address, err, err_len);
		port = end[1] ? end + 2 : NULL;
	} else {
		end = strchr(address, ':');
		port = end ? end + 1 : NULL;
		end = end ? end : address + strlen(address);
	}
	len = (size_t)(end - address);
	if (!len || len >= sizeof(n->host) || (port && strchr(port, ':')))
		return bad_address(address, err, err_len);
	memcpy(n->host, address, len);
	n->host[len] = '\0';
	snprintf(n->port, sizeof(n->port), "%s", port ? port : "514");
	if (strtoul(n->port, &stop, 10) - 1 >= 65535 || *stop || strlen(port ? port : "") > 5)
		return bad_address(address, err, err_len);
	return 0;
}

int syslog_net_new(struct syslog_net **out, enum syslog_transport transport, const char *path,
		   const char *address, char *err, size_t err_len)
{
	struct syslog_net *n;
	int rc = 0;

	if (transport == TRANSPORT_UNIX &&
	    strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
		snprintf(err, err_len, "path=%s: too long for a socket", path);
		return -EINVAL;
	}
	n = calloc(1, sizeof(*n));
	if (!n) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	n->transport = transport;
	n->path = path;
	n->fd = -1;
	n->stream = transport == TRANSPORT_TCP;
	if (transport != TRANSPORT_UNIX)
		rc = split_address(n, address, err, err_len);
	if (rc)
		free(n);
	else
		*out = n;
	return rc;
}

static void forget_addresses(struct syslog_net *n)
{
	if (n->list)
		freeaddrinfo(n->list);
	n->list = n->next = NULL;
}

static void free_query(struct query *q)
{
	if (q->list)
		freeaddrinfo(q->list);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void *run_query(void *arg)
{
	struct query *q = arg;
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(q->host, q->port, &q->hints, &list);
	bool abandoned;

	pthread_mutex_lock(&q->lock);
	q->rc = rc;
	q->list = rc ? NULL : list;
	q->done = true;
	abandoned = q->abandoned;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	if (abandoned)
		free_query(q);
	return NULL;
}

/* The owner lets go. */
static void drop_query(struct query *q)
{
	bool done;

	pthread_mutex_lock(&q->lock);
	done = q->done;
	q->abandoned = true;
	pthread_mutex_unlock(&q->lock);
	if (done)
		free_query(q);
}

void syslog_net_free(struct syslog_net *n)
{
	if (!n)
		return;
	if (n->query)
		drop_query(n->query);
	forget_addresses(n);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

void syslog_net_drop(struct syslog_net *n)
{
	if (n->fd >= 0)
		close(TAKE_FD(n->fd));
	if (n->transport == TRANSPORT_UDP && n->next) {
		n->state = NET_CONNECTING; /* a datagram that was sent told that nobody is there */
		return;
	}
	forget_addresses(n);
	n->state = NET_IDLE;
	n->backoff_ns = n->backoff_ns ? MIN(n->backoff_ns * 2, BACKOFF_MAX_NS) : BACKOFF_MIN_NS;
	n->retry_ns = clock_mono_ns() + n->backoff_ns;
}

static int fail(struct syslog_net *n, int error, const char *why, char *text, size_t text_len)
{
	if (n->transport == TRANSPORT_UNIX)
		snprintf(text, text_len, "%s: %s", n->path, why);
	else
		snprintf(text, text_len, "%s port %s: %s", n->host, n->port, why);
	syslog_net_drop(n);
	return -error;
}

static int connect_unix(struct syslog_net *n, char *text, size_t text_len)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int rc = -1, types[] = { SOCK_DGRAM, SOCK_STREAM };

	strcpy(to.sun_path, n->path);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		n->fd = socket(AF_UNIX, types[i] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (n->fd < 0)
			return fail(n, errno, strerror(errno), text, text_len);
		rc = connect(n->fd, (struct sockaddr *)&to, sizeof(to));
		n->stream = types[i] == SOCK_STREAM;
		if (!rc || errno != EPROTOTYPE)
			break;
		close(TAKE_FD(n->fd));
	}
	if (rc)
		return fail(n, errno, strerror(errno), text, text_len);
	n->state = NET_UP;
	return 0;
}

static int start_query(struct syslog_net *n)
{
	struct query *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;
	pthread_t t;

	if (!q)
		return EAI_MEMORY;
	q->hints = (struct addrinfo){
		.ai_family = AF_UNSPEC,
		.ai_socktype = n->stream ? SOCK_STREAM : SOCK_DGRAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
	};
	strcpy(q->host, n->host);
	strcpy(q->port, n->port);
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&t, NULL, run_query, q)) {
		free_query(q);
		return EAI_AGAIN;
	}
	pthread_detach(t);
	n->query = q;
	n->state = NET_RESOLVING;
	return 0;
}

static int resolve(struct syslog_net *n)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = n->stream ? SOCK_STREAM : SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};

	if (getaddrinfo(n->host, n->port, &hints, &n->list))
		return start_query(n);
	n->next = n->list;
	n->state = NET_CONNECTING;
	return 0;
}

/* 0: resolved. EAI_INPROGRESS, or another EAI_ error. */
static int resolved(struct syslog_net *n, int timeout_ms)
{
	struct timespec until = clock_timespec(clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS);
	struct query *q = n->query;
	bool done;
	int rc;

	pthread_mutex_lock(&q->lock);
	while (!q->done && timeout_ms)
		if (pthread_cond_timedwait(&q->changed, &q->lock, &until))
			break;
	done = q->done;
	rc = q->rc;
	if (done && !rc) {
		n->list = n->next = TAKE_PTR(q->list);
		n->state = NET_CONNECTING;
	}
	pthread_mutex_unlock(&q->lock);
	if (!done)
		return EAI_INPROGRESS;
	free_query(TAKE_PTR(n->query));
	return rc;
}

/* Opens a socket for the next address. 0: connected. -EINPROGRESS, or an errno of the last one. */
static int try_next(struct syslog_net *n)
{
	int error = EADDRNOTAVAIL, one = 1;

	while (n->next) {
		const struct addrinfo *a = n->next;

		n->next = a->ai_next;
		n->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (n->fd < 0) {
			error = errno;
			continue;
		}
		setsockopt(n->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		n->give_up_ns = clock_mono_ns() + CONNECT_TIMEOUT_NS;
		if (!connect(n->fd, a->ai_addr, a->ai_addrlen))
			return 0;
		if (errno == EINPROGRESS)
			return -EINPROGRESS;
		error = errno;
		close(TAKE_FD(n->fd));
	}
	return -error;
}

static int connecting(struct syslog_net *n, int timeout_ms)
{
	struct pollfd ready = { n->fd, POLLOUT, 0 };
	socklen_t len = sizeof(int);
	int error = 0;

	if (n->fd < 0)
		return try_next(n);
	if (poll(&ready, 1, timeout_ms) <= 0) {
		if (clock_mono_ns() < n->give_up_ns)
			return -EINPROGRESS;
		error = ETIMEDOUT;
	} else {
		getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (!error)
		return 0;
	close(TAKE_FD(n->fd));
	return n->next ? try_next(n) : -error;
}

int syslog_net_connect(struct syslog_net *n, int timeout_ms, char *text, size_t text_len)
{
	int rc;

	if (n->state == NET_UP)
		return 0;
	if (n->state == NET_IDLE && clock_mono_ns() < n->retry_ns) {
		poll(NULL, 0, clock_left_ms(n->retry_ns, timeout_ms));
		if (clock_mono_ns() < n->retry_ns)
			return -EAGAIN;
	}
	if (n->transport == TRANSPORT_UNIX)
		return connect_unix(n, text, text_len);
	if (n->state == NET_IDLE) {
		rc = resolve(n);
		if (rc)
			return fail(n, EHOSTUNREACH, gai_strerror(rc), text, text_len);
	}
	if (n->state == NET_RESOLVING) {
		rc = resolved(n, timeout_ms);
		if (rc == EAI_INPROGRESS)
			return -EAGAIN;
		if (rc)
			return fail(n, EHOSTUNREACH, gai_strerror(rc), text, text_len);
	}
	rc = connecting(n, timeout_ms);
	if (rc == -EINPROGRESS)
		return -EAGAIN;
	if (rc)
		return fail(n, -rc, strerror(-rc), text, text_len);
	n->state = NET_UP;
	return 0;
}

bool syslog_net_is_stream(const struct syslog_net *n)
{
	return n->stream;
}

bool syslog_net_is_tcp(const struct syslog_net *n)
{
	return n->transport == TRANSPORT_TCP;
}

bool syslog_net_connected(const struct syslog_net *n)
{
	return n->state == NET_UP;
}

/* Has the datagram that was just sent come back? On the same machine that is known at once, and then it is
 * sent to the name's next address, if there is one. */
static bool refused(const struct syslog_net *n)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (n->transport != TRANSPORT_UDP || !n->next)
		return false;
	getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	return error;
}

int64_t syslog_net_send(struct syslog_net *n, const void *p, size_t len)
{
	ssize_t rc;

	do
		rc = send(n->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	if (rc >= 0 && refused(n))
		rc = -1;
	if (rc >= 0) {
		n->backoff_ns = 0;
		return rc;
	}
	if (errno == ENOBUFS) /* which poll does not wait for */
		poll(NULL, 0, 1);
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		return -EAGAIN;
	if (errno == EMSGSIZE && !n->stream)
		return -EMSGSIZE;
	rc = -errno;
	syslog_net_drop(n);
	return rc;
}

void syslog_net_wait(struct syslog_net *n, int timeout_ms)
{
	struct pollfd ready = { n->fd, POLLOUT, 0 };

	poll(&ready, 1, timeout_ms);
}

/* A collector sends nothing; what it does send is thrown away, and its end noticed. */
static int read_nothing(struct syslog_net *n)
{
	char junk[4096];
	ssize_t rc = recv(n->fd, junk, sizeof(junk), MSG_DONTWAIT);

	if (rc > 0 || (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)))
		return 0;
	return rc ? -errno : -EPIPE;
}

int syslog_net_check(struct syslog_net *n, uint64_t *unacked)
{
	int bytes = 0, rc;

	*unacked = 0;
	if (!n->stream)
		return 0;
	rc = read_nothing(n);
	if (n->transport == TRANSPORT_TCP && !ioctl(n->fd, SIOCOUTQ, &bytes) && bytes > 0)
		*unacked = (uint64_t)bytes;
	return rc;
}

void syslog_net_shutdown(struct syslog_net *n)
{
	if (n->state == NET_UP && n->stream)
		shutdown(n->fd, SHUT_WR);
}
