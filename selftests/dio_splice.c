// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O without a buffer of the caller's: splice() and sendfile() out of a file
 * that is open with O_DIRECT read into pages of a pipe, and pages that vmsplice()
 * has put into a pipe are written by splice() into one.  The data must get where
 * they belong, nothing is pinned, and the pages of the caller are given back.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "buffer.h"
#include "file.h"
#include "ktap.h"
#include "pattern.h"
#include "witness.h"

#define SIZE		(64UL << 10)	/* what a pipe holds */
#define PLACE		(128L << 10)

static const struct buffer_kind small_pages = { .name = "small-pages", .size = SIZE };

struct ends {
	int out, in;
};

static struct ends make_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		ktap_bail_out("pipe");
	return (struct ends){ ends[0], ends[1] };
}

static void close_pipe(struct ends ends)
{
	close(ends.out);
	close(ends.in);
}

/* Each returns how many bytes got through, and moves them between file and buffer. */

static ssize_t drain(int fd, char *to)
{
	size_t all = 0;
	ssize_t bytes;

	while (all < SIZE) {
		bytes = read(fd, to + all, SIZE - all);
		if (bytes <= 0)
			return bytes < 0 ? -errno : (ssize_t)all;
		all += bytes;
	}
	return all;
}

static ssize_t splice_out(int fd, char *buffer)
{
	struct ends ends = make_pipe();
	loff_t from = PLACE;
	ssize_t bytes = splice(fd, &from, ends.in, NULL, SIZE, 0);

	close(ends.in);
	ends.in = -1;
	if (bytes == SIZE)
		bytes = drain(ends.out, buffer);
	close_pipe(ends);
	return bytes;
}

static ssize_t sendfile_out(int fd, char *buffer)
{
	int memory = memfd_create("memory", MFD_CLOEXEC);
	off_t from = PLACE;
	ssize_t bytes;

	if (memory < 0)
		ktap_bail_out("memfd_create");
	bytes = sendfile(memory, fd, &from, SIZE);
	if (bytes == SIZE)
		bytes = pread(memory, buffer, SIZE, 0);
	close(memory);
	return bytes;
}

static ssize_t vmsplice_in(int fd, char *buffer)
{
	struct iovec all = { .iov_base = buffer, .iov_len = SIZE };
	struct ends ends = make_pipe();
	loff_t place = PLACE;
	ssize_t bytes;

	bytes = vmsplice(ends.in, &all, 1, 0);
	if (bytes == SIZE)
		bytes = splice(ends.out, NULL, fd, &place, SIZE, 0);
	close_pipe(ends);
	return bytes;
}

static const struct transfer {
	const char *name;
	ssize_t (*move)(int fd, char *buffer);
	bool write;
} transfers[] = {
	{ "splice-out",		splice_out,	false },
	{ "sendfile-out",	sendfile_out,	false },
	{ "vmsplice-and-splice-in", vmsplice_in, true },
};
#define NR_TRANSFERS (sizeof(transfers) / sizeof(transfers[0]))

static void write_at_place(int fd, const char *buffer)
{
	if (pwrite(fd, buffer, SIZE, PLACE) != SIZE)
		ktap_bail_out("write");
}

static bool is_at_place(int fd, char *buffer, off_t pattern)
{
	if (pread(fd, buffer, SIZE, PLACE) != SIZE)
		ktap_bail_out("read");
	return pattern_is_at(buffer, SIZE, pattern);
}

static void test(const struct file *target, const struct transfer *transfer)
{
	/* Each transfer has data of its own. */
	off_t pattern = (transfer - transfers + 1) << 20;
	char name[128], *buffer, *other;
	struct witness witness;
	ssize_t bytes;
	int fd = target->fd;
	bool right;

	other = buffer_map(&small_pages);
	if (!transfer->write) {
		pattern_fill(other, SIZE, pattern);
		write_at_place(fd, other);
	}
	witness_begin(&witness);
	buffer = buffer_map(&small_pages);
	if (transfer->write)
		pattern_fill(buffer, SIZE, pattern);
	bytes = transfer->move(fd, buffer);
	witness_io_done(&witness, buffer, SIZE);
	right = transfer->write || pattern_is_at(buffer, SIZE, pattern);
	witness_store(&witness, buffer, SIZE);
	buffer_unmap(&small_pages, buffer);
	witness_end(&witness);
	if (transfer->write)
		right = is_at_place(fd, other, pattern);
	buffer_unmap(&small_pages, other);

	snprintf(name, sizeof(name), "%s/%s", target->name, transfer->name);
	ktap_result(bytes == SIZE && right && !witness.pins && all_was_given_back(&witness),
		    name, "%zd bytes, data %s, pins %ld, " WITNESS_FORMAT, bytes,
		    right ? "right" : "wrong", witness.pins, WITNESS_ARGUMENTS(witness));
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_splice NAME=FILE...\n"
		"FILE is on a disk without delay and is overwritten; 1 MiB or more.\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct file targets[MAX_FILES];
	int nr_targets = argc - 1;

	if (!files_open(argv + 1, nr_targets, targets))
		return usage();
	ktap_plan(nr_targets * NR_TRANSFERS);
	for (int t = 0; t < nr_targets; t++)
		for (unsigned int i = 0; i < NR_TRANSFERS; i++)
			test(&targets[t], &transfers[i]);
	return ktap_exit_status();
}
