/* SPDX-License-Identifier: GPL-2.0 */
/* The ways to make a device read into memory. */
#ifndef WAYS_H
#define WAYS_H

#include <libaio.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What a way needs: a file or block device, or one that takes such commands */
enum target_type {
	FILE_TARGET, SCSI_TARGET, SG_TARGET, BSG_TARGET, NVME_TARGET, NVME_CHAR_TARGET,
};

/* One direct read, from its start to its end */
struct read {
	int fd;
	char *to;
	size_t size;
	off_t from;
	const struct iovec *iovecs;	/* for the vector ways, in place of the buffer */
	unsigned int nr_iovecs;
	const struct way *way;
	pthread_t thread;
	struct io_uring ring;
	io_context_t aio;
};

/* A call that waits for the read, or one that starts it and one that waits for it */
struct way {
	const char *name;
	enum target_type type;
	ssize_t (*call)(struct read *read);
	int (*start)(struct read *read);
	ssize_t (*finish)(struct read *read);
};

extern const struct way ways[];
extern const unsigned int nr_ways;

/* For files */
extern const struct way vector_ways[];
extern const unsigned int nr_vector_ways;

/* Start a read, or bail out; a call that waits gets a thread of its own. */
void start_read(const struct way *way, struct read *read);

/* The number of bytes that were read, or a negative errno */
ssize_t finish_read(struct read *read);

/* Both, without another thread; a start may fail. */
ssize_t do_read(const struct way *way, struct read *read);

#endif
