// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the super block of zonefs, all that this file system needs.  Its mkzonefs is
 * not in every distribution.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define MAGIC		0x5a4f4653
#define SUPER_SIZE	4096
#define CRC_WORD	1	/* in 32-bit words, little-endian as this machine */

static uint32_t crc32_le(const unsigned char *data, size_t size)
{
	uint32_t crc = ~0U;

	while (size--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

int main(int argc, char **argv)
{
	static uint32_t super[SUPER_SIZE / sizeof(uint32_t)] = { MAGIC };
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: make_zonefs ZONED-DISK\n");
		return 2;
	}
	super[CRC_WORD] = crc32_le((unsigned char *)super, sizeof(super));
	fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "open %s", argv[1]);
	if (pwrite(fd, super, sizeof(super), 0) != sizeof(super) || fsync(fd))
		err(1, "write %s", argv[1]);
	return 0;
}
