/* SPDX-License-Identifier: GPL-2.0 */
/* The ways to make a device read into memory, each in two steps: start, finish. */
#ifndef WAYS_H
#define WAYS_H

#include <libaio.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/types.h>

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
	pthread_t thread;
	struct io_uring ring;
	io_context_t aio;
};

struct way {
	const char *name;
	enum target_type type;
	void (*start)(struct read *read);
	/* The number of bytes that were read, or a negative errno */
	ssize_t (*finish)(struct read *read);
};

extern const struct way ways[];
extern const unsigned int nr_ways;

#endif
