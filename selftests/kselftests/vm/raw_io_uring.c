// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw_io_uring.h"

int raw_io_uring_open(struct raw_io_uring *ring)
{
	struct io_uring_params params = { 0 };
	size_t sq_size, cq_size;
	unsigned int *array;
	int error = 0;

	ring->fd = syscall(__NR_io_uring_setup, 1, &params);
	if (ring->fd < 0)
		return -errno;

	/* One mapping for both rings, since 5.4 */
	sq_size = params.sq_off.array + params.sq_entries * sizeof(*array);
	cq_size = params.cq_off.cqes + params.cq_entries * sizeof(*ring->cqes);
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->sqe = mmap(NULL, sizeof(*ring->sqe), PROT_READ | PROT_WRITE,
			 MAP_SHARED, ring->fd, IORING_OFF_SQES);
	if (ring->rings == MAP_FAILED || ring->sqe == MAP_FAILED)
		error = -errno;
	if (error) {
		raw_io_uring_close(ring);
		return error;
	}

	array = (unsigned int *)(ring->rings + params.sq_off.array);
	array[0] = 0;
	ring->sq_tail = (unsigned int *)(ring->rings + params.sq_off.tail);
	ring->cq_head = (unsigned int *)(ring->rings + params.cq_off.head);
	ring->cq_tail = (unsigned int *)(ring->rings + params.cq_off.tail);
	ring->cqes = (struct io_uring_cqe *)(ring->rings + params.cq_off.cqes);
	ring->cq_mask = params.cq_entries - 1;
	return 0;
}

void raw_io_uring_close(struct raw_io_uring *ring)
{
	if (ring->rings != MAP_FAILED)
		munmap(ring->rings, ring->rings_size);
	if (ring->sqe != MAP_FAILED)
		munmap(ring->sqe, sizeof(*ring->sqe));
	close(ring->fd);
}

int raw_io_uring_register(struct raw_io_uring *ring, const struct iovec *buffer)
{
	return syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS,
		       buffer, 1) ? -errno : 0;
}

int raw_io_uring_unregister(struct raw_io_uring *ring)
{
	return syscall(__NR_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS,
		       NULL, 0) ? -errno : 0;
}

/* The ring has one entry, and nothing is in it. */
static int submit_and_wait(struct raw_io_uring *ring, const struct io_uring_sqe *sqe)
{
	unsigned int head = *ring->cq_head, to_submit = 1;
	int result;

	*ring->sqe = *sqe;
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + 1, __ATOMIC_RELEASE);
	/* A signal may end the wait before there is a result; the call then returns 1, too. */
	while (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == head) {
		if (syscall(__NR_io_uring_enter, ring->fd, to_submit, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) >= 0)
			to_submit = 0;
		else if (errno != EINTR)
			return -errno;
	}
	result = ring->cqes[head & ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

int raw_io_uring_copy_buffer(struct raw_io_uring *ring, const struct iovec *buffer,
			     char *to)
{
	int file = syscall(__NR_memfd_create, "copy", 0);
	size_t done = 0;
	int result;

	if (file < 0)
		return -errno;
	while (done < buffer->iov_len) {
		struct io_uring_sqe sqe = {
			.opcode = IORING_OP_WRITE_FIXED,
			.fd = file,
			.addr = (unsigned long)buffer->iov_base + done,
			.len = buffer->iov_len - done,
			.off = done,
			.buf_index = 0,
		};

		result = submit_and_wait(ring, &sqe);
		if (result <= 0)
			break;
		done += result;
	}
	if (done == buffer->iov_len)
		result = pread(file, to, done, 0) == (ssize_t)done ? 0 : -EIO;
	else if (!result)
		result = -EIO;
	close(file);
	return result;
}

ssize_t raw_io_uring_readv(struct raw_io_uring *ring, int fd,
			   const struct iovec *iovecs, int number, off_t from)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READV,
		.fd = fd,
		.addr = (unsigned long)iovecs,
		.len = number,
		.off = from,
	};

	return submit_and_wait(ring, &sqe);
}
