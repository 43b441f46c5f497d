// SPDX-License-Identifier: GPL-2.0
/* Fills a disk or a file with the pattern that the tests expect to read. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pattern.h"

#define CHUNK (64 * 1024)

static void write_at(int fd, const char *name, const char *data, size_t size, off_t place)
{
	if (pwrite(fd, data, size, place) != (ssize_t)size)
		err(1, "write %s", name);
}

static int usage(void)
{
	fprintf(stderr, "usage: write_pattern [-s] FILE BYTES\n"
		"BYTES is a multiple of %d.  -s leaves holes.\n", CHUNK);
	return 2;
}

int main(int argc, char **argv)
{
	static char chunk[CHUNK];
	bool holes = false;
	const char *name;
	off_t place, size;
	int fd, option;

	while ((option = getopt(argc, argv, "s")) != -1) {
		if (option != 's')
			return usage();
		holes = true;
	}
	if (optind != argc - 2)
		return usage();
	name = argv[optind];
	size = atoll(argv[optind + 1]);
	if (size <= 0 || size % CHUNK)
		return usage();
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "open %s", name);
	for (place = 0; place < size; place += CHUNK) {
		pattern_fill(chunk, CHUNK, place);
		for (size_t at = 0; holes && at < CHUNK; at += HOLE_SIZE)
			if (!pattern_has_hole_at(place + at))
				write_at(fd, name, chunk + at, HOLE_SIZE, place + at);
		if (!holes)
			write_at(fd, name, chunk, CHUNK, place);
	}
	if (fsync(fd))
		err(1, "fsync %s", name);
	return 0;
}
