/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring without liburing, one request at a time.  Results are 0 or more, or a
 * negative errno.
 */
#ifndef RAW_IO_URING_H
#define RAW_IO_URING_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io_uring_sqe;
struct io_uring_cqe;

struct raw_io_uring {
	int fd;
	char *rings;
	size_t rings_size;
	struct io_uring_sqe *sqe;
	unsigned int *sq_tail;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	struct io_uring_cqe *cqes;
	unsigned int cq_mask;
};

int raw_io_uring_open(struct raw_io_uring *ring);
void raw_io_uring_close(struct raw_io_uring *ring);

/* Makes the buffer the ring's buffer 0, which pins it; and ends that. */
int raw_io_uring_register(struct raw_io_uring *ring, const struct iovec *buffer);
int raw_io_uring_unregister(struct raw_io_uring *ring);

/* Copies what is in a buffer that is registered. */
int raw_io_uring_copy_buffer(struct raw_io_uring *ring, const struct iovec *buffer,
			     char *to);

/* As preadv() */
ssize_t raw_io_uring_readv(struct raw_io_uring *ring, int fd,
			   const struct iovec *iovecs, int number, off_t from);

#endif
