// SPDX-License-Identifier: GPL-2.0
/*
 * Does direct I/O pin what it must, and give back all that it took?
 *
 * Each case does one direct read or write, and then asks the witnesses, and
 * whether the pages of a read were pinned once per iovec, and those of a write
 * not.
 *
 * Without the series, the "pins" of all reads fail and everything else passes.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "file.h"
#include "ktap.h"
#include "pattern.h"
#include "witness.h"

#define MAX_IOVECS	4
/*
 * Behind the first indirect block of an ext2 file: there the blocks of a page follow
 * each other on the disk.  Otherwise the page is pinned once for each part of it.
 */
#define PLACE		(64 * 1024)
#define ALL		((size_t)-1)	/* a length: to the end of the buffer */

struct shape {
	const char *name;
	unsigned int iovecs;
	struct {
		size_t offset, length;
	} iovec[MAX_IOVECS];
};

static const struct shape shapes[] = {
	{ "sector",		1, { { 0, SECTOR } } },
	{ "whole",		1, { { 0, ALL } } },
	{ "unaligned",		1, { { SECTOR, ALL } } },
	{ "side-by-side",	2, { { 0, SECTOR }, { SECTOR, SECTOR } } },
	{ "same-place-twice",	2, { { 0, SECTOR }, { 0, SECTOR } } },
	{ "apart",		4, { { 0, SECTOR }, { 1024, SECTOR },
				     { 2048, SECTOR }, { 3072, 2 * SECTOR } } },
};

struct direction {
	const char *name;
	ssize_t (*transfer)(int fd, const struct iovec *iov, int n, off_t offset);
	bool pins;
};

static const struct direction directions[] = {
	{ "read",	preadv,		true },
	{ "write",	pwritev,	false },
};

/* The iovecs of a shape in a buffer, and how many pages they touch in all */
static unsigned int fill_iovecs(const struct shape *shape, char *buffer,
				size_t size, struct iovec *iov)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < shape->iovecs; i++) {
		size_t first = shape->iovec[i].offset;
		size_t length = shape->iovec[i].length;
		size_t end = length == ALL ? size : first + length;

		iov[i].iov_base = buffer + first;
		iov[i].iov_len = end - first;
		pages += (end - 1) / getpagesize() - first / getpagesize() + 1;
	}
	return pages;
}

static void test(const struct file *target, const struct buffer_kind *kind,
		 const struct shape *shape, const struct direction *direction)
{
	struct witness witness;
	struct iovec iov[MAX_IOVECS];
	struct child earlier;
	unsigned int pages;
	ssize_t bytes, wanted = 0;
	long expected;
	char name[128], *buffer;

	witness_begin(&witness);
	buffer = buffer_map(kind);
	pages = fill_iovecs(shape, buffer, kind->size, iov);
	expected = direction->pins ? pages : 0;
	for (unsigned int i = 0; i < shape->iovecs; i++)
		wanted += iov[i].iov_len;
	if (kind->shared_before)
		earlier = fork_child();
	bytes = direction->transfer(target->fd, iov, shape->iovecs, PLACE);
	if (bytes != wanted)
		ktap_bail_out("%s: %s of %zd bytes gives %zd", target->name,
			      direction->name, wanted, bytes);
	witness_io_done(&witness, buffer, kind->size);
	if (kind->shared_before)
		end_child(earlier);
	witness_store(&witness, buffer, kind->size);
	buffer_unmap(kind, buffer);
	witness_end(&witness);

	snprintf(name, sizeof(name), "%s/%s/%s/%s/pins", target->name, kind->name,
		 shape->name, direction->name);
	ktap_result(witness.pins == expected, name, "bad %d of 1, pins %ld, expected %ld",
		    witness.pins != expected, witness.pins, expected);
	snprintf(name, sizeof(name), "%s/%s/%s/%s/release", target->name, kind->name,
		 shape->name, direction->name);
	ktap_result(all_was_given_back(&witness), name, WITNESS_FORMAT,
		    WITNESS_ARGUMENTS(witness));
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_release NAME=FILE...\n"
		"FILE is on a disk without delay and is overwritten; 3 MiB or more.\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned int nr_shapes = sizeof(shapes) / sizeof(shapes[0]);
	unsigned int nr_directions = sizeof(directions) / sizeof(directions[0]);
	struct file targets[MAX_FILES];
	unsigned int nr_targets = argc - 1;

	if (!files_open(argv + 1, argc - 1, targets))
		return usage();

	ktap_plan(nr_targets * nr_buffer_kinds * nr_shapes * nr_directions * 2);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int b = 0; b < nr_buffer_kinds; b++)
			for (unsigned int s = 0; s < nr_shapes; s++)
				for (unsigned int d = 0; d < nr_directions; d++)
					test(&targets[t], &buffer_kinds[b],
					     &shapes[s], &directions[d]);
	return ktap_exit_status();
}
