// SPDX-License-Identifier: GPL-2.0
/*
 * What direct reads and writes cost.
 *
 * usage: bench_dio [NAME=FILE | NAME:FILE]...
 *
 * FILE is a block device or a file of 16 MiB or more; behind a colon, one on which only
 * read() and write() and their relatives are measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cell.h"
#include "memory.h"

#define KIB		1024UL
#define MAX_SIZE	(16 * KIB * KIB)
/* In one measurement: not few, lest a timer's tick shows */
#define MIN_PAGES	4096
#define MAX_PAGES	16384
#define QUEUE_DEPTH	32
#define MAX_IOVECS	1024

/* Transfers of one size to or from one buffer */
struct transfer {
	int fd;
	bool write;
	char *buffer;
	size_t size;
};

static struct io_uring ring;

static void one_by_one(const struct transfer *t, unsigned int number)
{
	while (number--) {
		ssize_t done = t->write ? pwrite(t->fd, t->buffer, t->size, 0) :
					  pread(t->fd, t->buffer, t->size, 0);

		if (done != (ssize_t)t->size)
			give_up("%zd of %zu bytes", done, t->size);
	}
}

/* Of a page each, or of the smallest block or the largest share */
static void by_iovecs(const struct transfer *t, unsigned int number)
{
	static struct iovec iovecs[MAX_IOVECS];
	size_t length = t->size == PAGE_SIZE ? 512 : PAGE_SIZE;
	unsigned int nr_iovecs;

	if (t->size / length > MAX_IOVECS)
		length = t->size / MAX_IOVECS;
	nr_iovecs = t->size / length;
	for (unsigned int i = 0; i < nr_iovecs; i++)
		iovecs[i] = (struct iovec){ t->buffer + i * length, length };
	while (number--) {
		ssize_t done = t->write ? pwritev(t->fd, iovecs, nr_iovecs, 0) :
					  preadv(t->fd, iovecs, nr_iovecs, 0);

		if (done != (ssize_t)t->size)
			give_up("%zd of %zu bytes by iovecs", done, t->size);
	}
}

static void queue(const struct transfer *t, bool fixed)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (fixed && t->write)
		io_uring_prep_write_fixed(sqe, t->fd, t->buffer, t->size, 0, 0);
	else if (fixed)
		io_uring_prep_read_fixed(sqe, t->fd, t->buffer, t->size, 0, 0);
	else if (t->write)
		io_uring_prep_write(sqe, t->fd, t->buffer, t->size, 0);
	else
		io_uring_prep_read(sqe, t->fd, t->buffer, t->size, 0);
}

static void by_io_uring(const struct transfer *t, unsigned int number, bool fixed)
{
	for (unsigned int i = 0; i < number; i += QUEUE_DEPTH) {
		unsigned int depth = number - i < QUEUE_DEPTH ? number - i : QUEUE_DEPTH;
		struct io_uring_cqe *cqe;

		for (unsigned int j = 0; j < depth; j++)
			queue(t, fixed);
		io_uring_submit_and_wait(&ring, depth);
		for (unsigned int j = 0; j < depth; j++) {
			if (io_uring_wait_cqe(&ring, &cqe) || cqe->res != (int)t->size)
				give_up("%d of %zu bytes by io_uring", cqe->res, t->size);
			io_uring_cqe_seen(&ring, cqe);
		}
	}
}

static void io_uring(const struct transfer *t, unsigned int number)
{
	by_io_uring(t, number, false);
}

static void io_uring_fixed(const struct transfer *t, unsigned int number)
{
	by_io_uring(t, number, true);
}

static const struct {
	const char *name;
	void (*run)(const struct transfer *t, unsigned int number);
	bool queued;
} ways[] = {
	{ "one",	one_by_one,	false },
	{ "iovecs",	by_iovecs,	false },
	{ "io_uring",	io_uring,	true },
	{ "fixed",	io_uring_fixed,	true },
};

static const size_t sizes[] = { 4 * KIB, 64 * KIB, 1024 * KIB, MAX_SIZE };

static const char *size_name(size_t size)
{
	static char name[16];

	if (size < KIB * KIB)
		snprintf(name, sizeof(name), "%zuK", size / KIB);
	else
		snprintf(name, sizeof(name), "%zuM", size / KIB / KIB);
	return name;
}

/* As many as make enough pages, and fill the queue if they can be that many */
static unsigned int transfers(size_t size, bool queued)
{
	unsigned int pages = size / PAGE_SIZE;

	if (queued && QUEUE_DEPTH * pages > MIN_PAGES)
		return QUEUE_DEPTH * pages > MAX_PAGES ? MAX_PAGES / pages : QUEUE_DEPTH;
	return MIN_PAGES / pages;
}

static void measure(const char *name, bool may_queue, const struct transfer *t,
		    const char *memory)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		unsigned int number = transfers(t->size, ways[i].queued);
		uint64_t begin, instructions;

		if (ways[i].queued && !may_queue)
			continue;
		ways[i].run(t, number);
		begin = cell_begin();
		ways[i].run(t, number);
		instructions = cell_end(begin);
		cell_print(number * t->size / PAGE_SIZE, instructions, "%s/%s/%s/%s/%s", name,
			   t->write ? "write" : "read", ways[i].name, size_name(t->size),
			   memory);
	}
}

static void measure_all(const char *name, bool may_queue, int fd)
{
	for (unsigned int memory = 0; memory < nr_memories; memory++) {
		char *buffer = memories[memory].map(MAX_SIZE);
		struct iovec all = { buffer, MAX_SIZE };

		errno = -io_uring_register_buffers(&ring, &all, 1);
		if (errno)
			give_up("io_uring_register_buffers");
		for (int write = 0; write <= 1; write++)
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
				measure(name, may_queue, &(struct transfer){
					.fd = fd,
					.write = write,
					.buffer = buffer,
					.size = sizes[i],
				}, memories[memory].name);
		io_uring_unregister_buffers(&ring);
		munmap(buffer, MAX_SIZE);
	}
}

int main(int argc, char **argv)
{
	errno = -io_uring_queue_init(QUEUE_DEPTH, &ring, 0);
	if (errno)
		give_up("io_uring_queue_init");
	for (int i = 1; i < argc; i++) {
		char *file = strpbrk(argv[i], "=:");
		bool may_queue = file && *file == '=';
		int fd;

		if (!file) {
			fprintf(stderr, "usage: %s [NAME=FILE | NAME:FILE]...\n", argv[0]);
			return 2;
		}
		*file++ = 0;
		fd = open(file, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd < 0)
			give_up("%s", file);
		measure_all(argv[i], may_queue, fd);
		close(fd);
	}
	return 0;
}
