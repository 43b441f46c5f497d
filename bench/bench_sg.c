// SPDX-License-Identifier: GPL-2.0
/*
 * What SCSI reads and writes by SG_IO cost.
 *
 * usage: bench_sg DISK
 */
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cell.h"
#include "ktap.h"
#include "memory.h"

#define SECTOR		512
#define READ_10		0x28
#define WRITE_10	0x2a
#define MIN_PAGES	4096		/* in one measurement */

/* In pages, with their names */
static const struct {
	const char *name;
	size_t pages;
} sizes[] = { { "4K", 1 }, { "64K", 16 }, { "512K", 128 } };

static void command(int disk, bool write, char *buffer, size_t size)
{
	unsigned int sectors = size / SECTOR;
	unsigned char cdb[10] = {
		[0] = write ? WRITE_10 : READ_10,
		[7] = sectors >> 8,
		[8] = sectors,
	};
	struct sg_io_hdr header = {
		.interface_id = 'S',
		.dxfer_direction = write ? SG_DXFER_TO_DEV : SG_DXFER_FROM_DEV,
		.cmd_len = sizeof(cdb),
		.cmdp = cdb,
		.dxfer_len = size,
		.dxferp = buffer,
		.timeout = 60000,	/* ms */
	};

	if (ioctl(disk, SG_IO, &header) || (header.info & SG_INFO_OK_MASK) != SG_INFO_OK)
		ktap_bail_out("SG_IO of %zu bytes, status %#x", size, header.status);
}

static void measure(int disk, bool write, char *buffer, const char *memory)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t begin, instructions;

		command(disk, write, buffer, sizes[i].pages * PAGE_SIZE);
		begin = cell_begin();
		for (size_t done = 0; done < MIN_PAGES; done += sizes[i].pages)
			command(disk, write, buffer, sizes[i].pages * PAGE_SIZE);
		instructions = cell_end(begin);
		cell_print(MIN_PAGES, instructions, "sg/%s/one/%s/%s",
			   write ? "write" : "read", sizes[i].name, memory);
	}
}

int main(int argc, char **argv)
{
	int disk;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DISK\n", argv[0]);
		return 2;
	}
	disk = open(argv[1], O_RDWR | O_CLOEXEC);
	if (disk < 0)
		ktap_bail_out("%s", argv[1]);
	for (unsigned int i = 0; i < nr_memories; i++) {
		char *buffer = memories[i].map(HUGE_SIZE);

		measure(disk, false, buffer, memories[i].name);
		measure(disk, true, buffer, memories[i].name);
		munmap(buffer, HUGE_SIZE);
	}
	return 0;
}
