// SPDX-License-Identifier: GPL-2.0
/*
 * Direct writes to a file of zonefs that is a sequential zone: they go out as zone
 * appends, for which bios are filled in a way of their own.  Nothing is pinned by the
 * write, and everything is given back.
 *
 * The data are in the zone, but Linux 6.1.192 says that they are not: it has moved its
 * own write pointer by then, finds that the disk wrote elsewhere, and fails with EIO.
 * Mounted with errors=repair, zonefs takes the new end from the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "witness.h"

#define MAX_IOVECS 2
#define WHOLE (64UL << 10)

static const struct buffer_kind kinds[] = {
	{ .name = "small-pages",	.size = WHOLE },
	{ .name = "thp",		.size = 2UL << 20, .is_thp = true },
	{ .name = "hugetlb",		.size = 2UL << 20, .mmap_flags = MAP_HUGETLB },
};

static const struct shape {
	const char *name;
	unsigned int iovecs;
	size_t length;	/* of each; one follows the other in memory */
} shapes[] = {
	{ "sector",		1, SECTOR },
	{ "whole",		1, WHOLE },
	{ "side-by-side",	2, SECTOR },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))
#define NR_SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

static off_t end_of(int fd)
{
	struct stat file;

	if (fstat(fd, &file))
		ktap_bail_out("fstat");
	return file.st_size;
}

static bool is_there(int fd, size_t size, off_t place)
{
	const struct buffer_kind kind = { .name = "copy", .size = WHOLE };
	char *copy = buffer_map(&kind);
	bool right = pread(fd, copy, size, place) == (ssize_t)size &&
		     pattern_is_at(copy, size, place);

	buffer_unmap(&kind, copy);
	return right;
}

static void test(int fd, const struct buffer_kind *kind, const struct shape *shape)
{
	size_t size = shape->iovecs * shape->length;
	struct iovec iovecs[MAX_IOVECS];
	struct witness witness;
	off_t place = end_of(fd);
	char name[64], *buffer;
	ssize_t bytes;
	bool right;

	witness_begin(&witness);
	buffer = buffer_map(kind);
	pattern_fill(buffer, size, place);
	for (unsigned int i = 0; i < shape->iovecs; i++)
		iovecs[i] = (struct iovec){ buffer + i * shape->length, shape->length };
	bytes = pwritev(fd, iovecs, shape->iovecs, place);
	if (bytes < 0 && errno == EIO)
		bytes = end_of(fd) - place;
	witness_io_done(&witness, buffer, kind->size);
	witness_store(&witness, buffer, kind->size);
	buffer_unmap(kind, buffer);
	witness_end(&witness);
	right = is_there(fd, size, place);

	snprintf(name, sizeof(name), "zone-append/%s/%s", kind->name, shape->name);
	ktap_result(bytes == (ssize_t)size && right && !witness.pins &&
		    all_was_given_back(&witness), name,
		    "%zd bytes, data %s, pins %ld, " WITNESS_FORMAT, bytes,
		    right ? "right" : "wrong", witness.pins, WITNESS_ARGUMENTS(witness));
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: dio_zone_append FILE, of a sequential zone\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		ktap_bail_out("open %s", argv[1]);
	ktap_plan(NR_KINDS * NR_SHAPES);
	for (unsigned int k = 0; k < NR_KINDS; k++)
		for (unsigned int s = 0; s < NR_SHAPES; s++)
			test(fd, &kinds[k], &shapes[s]);
	return ktap_exit_status();
}
