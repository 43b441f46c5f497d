// SPDX-License-Identifier: GPL-2.0
/*
 * What direct reads and writes cost.
 *
 * usage: bench_dio [NAME=FILE | NAME:FILE]...
 *
 * FILE is a block device or a file of 16 MiB or more; behind a colon, one that is slow:
 * only read() and write() and their relatives are measured on it, and for less long.
 *
 * io_uring begins a transfer without waiting.  One that has to be split, since the
 * disk takes no more than 1280 KiB or 128 segments, gives up then, and begins again in
 * another thread: what that costs is in the cells of such transfers.
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
#include "ktap.h"
#include "memory.h"

#define KIB		1024UL
#define MAX_SIZE	(16 * KIB * KIB)
#define QUEUE_DEPTH	32
/*
 * Pages in one measurement: not few, lest a timer's tick shows, and a full queue of the
 * largest transfers.  Small transfers take long for a page.
 */
#define SMALL_SIZE	(64 * KIB)
#define FEW_PAGES	4096
#define MANY_PAGES	(QUEUE_DEPTH * MAX_SIZE / PAGE_SIZE)
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
			ktap_bail_out("%zd of %zu bytes", done, t->size);
	}
}

/* Iovecs of a page each; smaller if there is one page only, larger if there are too many */
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
			ktap_bail_out("%zd of %zu bytes by iovecs", done, t->size);
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
		if (io_uring_submit_and_wait(&ring, depth) != (int)depth)
			ktap_bail_out("io_uring_submit_and_wait");
		for (unsigned int j = 0; j < depth; j++) {
			if (io_uring_wait_cqe(&ring, &cqe))
				ktap_bail_out("io_uring_wait_cqe");
			if (cqe->res != (int)t->size)
				ktap_bail_out("%d of %zu bytes by io_uring", cqe->res, t->size);
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
	bool queued, registered;
} ways[] = {
	{ "one",	one_by_one,	false,	false },
	{ "iovecs",	by_iovecs,	false,	false },
	{ "io_uring",	io_uring,	true,	false },
	{ "fixed",	io_uring_fixed,	true,	true },
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

static void register_buffer(char *buffer)
{
	struct iovec all = { buffer, MAX_SIZE };

	errno = -io_uring_register_buffers(&ring, &all, 1);
	if (errno)
		ktap_bail_out("io_uring_register_buffers");
}

static void measure(const char *name, bool slow, const struct transfer *t,
		    const char *memory)
{
	size_t pages = slow || t->size <= SMALL_SIZE ? FEW_PAGES : MANY_PAGES;
	unsigned int number = pages * PAGE_SIZE / t->size;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		uint64_t begin, instructions;

		if (ways[i].queued && slow)
			continue;
		/* What is registered is pinned, and must not be for the other ways. */
		if (ways[i].registered)
			register_buffer(t->buffer);
		ways[i].run(t, ways[i].queued ? QUEUE_DEPTH : 1);
		begin = cell_begin();
		ways[i].run(t, number);
		instructions = cell_end(begin);
		if (ways[i].registered)
			io_uring_unregister_buffers(&ring);
		cell_print(pages, instructions, "%s/%s/%s/%s/%s", name,
			   t->write ? "write" : "read", ways[i].name, size_name(t->size),
			   memory);
	}
}

static void measure_all(const char *name, bool slow, int fd)
{
	for (unsigned int memory = 0; memory < nr_memories; memory++) {
		char *buffer = memories[memory].map(MAX_SIZE);

		for (int write = 0; write <= 1; write++)
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
				measure(name, slow, &(struct transfer){
					.fd = fd,
					.write = write,
					.buffer = buffer,
					.size = sizes[i],
				}, memories[memory].name);
		munmap(buffer, MAX_SIZE);
	}
}

int main(int argc, char **argv)
{
	errno = -io_uring_queue_init(QUEUE_DEPTH, &ring, 0);
	if (errno)
		ktap_bail_out("io_uring_queue_init");
	for (int i = 1; i < argc; i++) {
		char *file = strpbrk(argv[i], "=:");
		bool slow = file && *file == ':';
		int fd;

		if (!file) {
			fprintf(stderr, "usage: %s [NAME=FILE | NAME:FILE]...\n", argv[0]);
			return 2;
		}
		*file++ = 0;
		fd = open(file, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd < 0)
			ktap_bail_out("%s", file);
		measure_all(argv[i], slow, fd);
		close(fd);
	}
	return 0;
}
