/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Two harmless things the demo cannot do from a shell:
 *   demo_act uring FILE    opens and reads FILE through io_uring: no open(2), no read(2)
 *   demo_act listen        listens on a loopback port, prints it, takes one connection
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int finish(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int res = io_uring_submit_and_wait(ring, 1);

	if (res < 0 || io_uring_wait_cqe(ring, &cqe))
		return -1;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static int uring_read(const char *path)
{
	struct io_uring ring;
	char text[256];
	int fd, n, rc = io_uring_queue_init(4, &ring, 0);

	if (rc) {
		fprintf(stderr, "io_uring: %s\n", strerror(-rc));
		return 77;
	}
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, path, O_RDONLY, 0);
	fd = finish(&ring);
	if (fd < 0)
		return 1;
	io_uring_prep_read(io_uring_get_sqe(&ring), fd, text, sizeof(text), 0);
	n = finish(&ring);
	printf("read %d bytes of %s through io_uring\n", n, path);
	close(fd);
	io_uring_queue_exit(&ring);
	return n < 0;
}

static int listen_once(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	if (peer >= 0)
		close(peer);
	close(fd);
	return peer < 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "uring"))
		return uring_read(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "listen"))
		return listen_once();
	fprintf(stderr, "usage: demo_act uring FILE | demo_act listen\n");
	return 2;
}
