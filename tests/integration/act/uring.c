/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Opens through io_uring in each of its ways.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIRECT_SLOTS = 8, FIXED_SLOT = 3 };

void uring_start(struct io_uring *ring, unsigned flags, int direct_slots)
{
	struct io_uring_params p = { .flags = flags, .sq_thread_idle = 2000 };
	int rc = io_uring_queue_init_params(16, ring, &p);

	if (rc)
		skip("io_uring_setup: %s", strerror(-rc));
	if (!direct_slots)
		return;
	rc = io_uring_register_files_sparse(ring, direct_slots);
	if (rc)
		skip("io_uring direct descriptors: %s", strerror(-rc));
}

int uring_do(struct io_uring *ring, struct io_uring_sqe *sqe, unsigned flags)
{
	struct io_uring_cqe *cqe;
	int rc;

	sqe->flags |= flags;
	sqe->user_data = 7;
	rc = io_uring_submit(ring);
	if (rc < 0 || (rc = io_uring_wait_cqe(ring, &cqe))) {
		errno = -rc;
		die("io_uring");
	}
	rc = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return rc;
}

/* An open that asks for no completion is followed by a no-op that waits for it. */
static int open_silently(struct io_uring *ring, struct io_uring_sqe *sqe)
{
	struct io_uring_sqe *nop;

	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	nop = io_uring_get_sqe(ring);
	io_uring_prep_nop(nop);
	return uring_do(ring, nop, 0);
}

static void prepare(struct io_uring_sqe *sqe, const char *how, const char *path, int flags)
{
	static struct open_how oh;

	oh.flags = flags;
	if (!strcmp(how, "slot"))
		io_uring_prep_openat_direct(sqe, AT_FDCWD, path, flags, 0600, FIXED_SLOT);
	else if (!strcmp(how, "alloc"))
		io_uring_prep_openat_direct(sqe, AT_FDCWD, path, flags, 0600,
					    IORING_FILE_INDEX_ALLOC);
	else if (!strcmp(how, "openat2"))
		io_uring_prep_openat2(sqe, AT_FDCWD, path, &oh);
	else
		io_uring_prep_openat(sqe, AT_FDCWD, path, flags, 0600);
}

static int act_uring_open(int argc, char **argv)
{
	const char *how = argv[0];
	int direct = !strcmp(how, "slot") || !strcmp(how, "alloc"), res;
	int flags = argc > 2 ? parse_flags(argv[2]) : O_RDONLY;
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	uring_start(&ring, strcmp(how, "sqpoll") ? 0 : IORING_SETUP_SQPOLL, direct * DIRECT_SLOTS);
	facts_begin();
	facts_process();
	sqe = io_uring_get_sqe(&ring);
	prepare(sqe, how, argv[1], flags);
	if (!strcmp(how, "skip"))
		res = open_silently(&ring, sqe);
	else
		res = uring_do(&ring, sqe, strcmp(how, "async") ? 0 : IOSQE_ASYNC);
	fact_int("res", res);
	if (res >= 0 && (direct || !strcmp(how, "skip")))
		facts_stat(argv[1]);
	else
		facts_fd(res, -res);
	facts_end();
	io_uring_queue_exit(&ring);
	return 0;
}

const struct action uring_actions[] = {
	{ "uring-open", "plain|openat2|async|sqpoll|slot|alloc|skip PATH [FLAGS]", 2,
	  act_uring_open },
	{ 0 },
};
