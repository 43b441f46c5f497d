// SPDX-License-Identifier: GPL-2.0
/*
 * Does a huge page come back after SG_IO has read into it through two iovecs?
 *
 * A reference that the kernel forgets to drop keeps a hugetlb page from
 * returning to the pool.  Only two iovecs that touch each other in one page
 * make stock 6.1 forget one; the other layouts are controls.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <scsi/sg.h>

#include "buffer.h"
#include "ktap.h"

#define HUGE_SIZE	(2UL << 20)
#define SECTOR		512
#define READ_10		0x28
#define ROUNDS		4

struct layout {
	const char *name;
	unsigned int iovecs;	/* 0: no vector, one plain buffer */
	size_t offsets[2];
};

static const struct layout layouts[] = {
	{ "two-iovecs-in-one-page",	2, { 0, SECTOR } },
	{ "one-iovec",			1, { 0 } },
	{ "no-iovec",			0, { 0 } },
	{ "two-iovecs-in-two-pages",	2, { 0, 4096 } },
	{ "two-iovecs-apart-in-a-page",	2, { 0, 4 * SECTOR } },
};

static void read_first_sectors(int fd, char *buffer, const struct layout *layout)
{
	unsigned int sectors = layout->iovecs ? layout->iovecs : 1;
	unsigned char command[10] = { READ_10, [8] = sectors };
	struct sg_iovec iovecs[2];
	struct sg_io_hdr request = {
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_FROM_DEV,
		.cmd_len = sizeof(command),
		.cmdp = command,
		.iovec_count = layout->iovecs,
		.dxfer_len = sectors * SECTOR,
		.dxferp = layout->iovecs ? (void *)iovecs : buffer,
		.timeout = 10000,
	};

	for (unsigned int i = 0; i < layout->iovecs; i++) {
		iovecs[i].iov_base = buffer + layout->offsets[i];
		iovecs[i].iov_len = SECTOR;
	}
	if (ioctl(fd, SG_IO, &request))
		ktap_bail_out("SG_IO");
	if ((request.info & SG_INFO_OK_MASK) != SG_INFO_OK || request.resid) {
		errno = EIO;
		ktap_bail_out("SG_IO: status %#x, host %#x, residue %d", request.status,
			      request.host_status, request.resid);
	}
}

static void test(int fd, const struct layout *layout)
{
	long before = free_huge_pages(), after;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		char *buffer = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (buffer == MAP_FAILED)
			ktap_bail_out("mmap of a huge page");
		read_first_sectors(fd, buffer, layout);
		if (munmap(buffer, HUGE_SIZE))
			ktap_bail_out("munmap");
	}
	after = free_huge_pages();
	ktap_result(after == before, layout->name, "bad %ld of %d, free %ld, was %ld",
		    before - after, ROUNDS, after, before);
}

int main(int argc, char **argv)
{
	unsigned int nr_layouts = sizeof(layouts) / sizeof(layouts[0]);
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: sg_io_two_iovecs SCSI-DISK\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		ktap_bail_out("open %s", argv[1]);
	if (free_huge_pages() < ROUNDS) {
		errno = ENOMEM;
		ktap_bail_out("not %d huge pages in the pool", ROUNDS);
	}

	ktap_plan(nr_layouts);
	for (unsigned int i = 0; i < nr_layouts; i++)
		test(fd, &layouts[i]);
	return ktap_exit_status();
}
