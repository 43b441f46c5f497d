// SPDX-License-Identifier: GPL-2.0
/* Fills a disk or a file with the pattern that the tests expect to read. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pattern.h"

#define CHUNK (64 * 1024)

int main(int argc, char **argv)
{
	static char chunk[CHUNK];
	off_t place, size;
	int fd;

	if (argc != 3 || (size = atoll(argv[2])) <= 0 || size % CHUNK) {
		fprintf(stderr, "usage: write_pattern FILE BYTES\n"
			"BYTES is a multiple of %d\n", CHUNK);
		return 2;
	}
	fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "open %s", argv[1]);
	for (place = 0; place < size; place += CHUNK) {
		pattern_fill(chunk, CHUNK, place);
		if (pwrite(fd, chunk, CHUNK, place) != CHUNK)
			err(1, "write %s", argv[1]);
	}
	if (fsync(fd))
		err(1, "fsync %s", argv[1]);
	return 0;
}
