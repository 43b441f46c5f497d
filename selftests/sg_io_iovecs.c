// SPDX-License-Identifier: GPL-2.0
/*
 * Does a huge page come back after SG_IO has read into it, or written from it,
 * through iovecs, and are no pins left?
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
#include "pins.h"

#define HUGE_SIZE	(2UL << 20)
#define SECTOR		512
#define READ_10		0x28
#define WRITE_10	0x2a
#define MAX_IOVECS	300
#define ROUNDS		4

/* One sector for each iovec, at the same distance */
struct layout {
	const char *name;
	unsigned int iovecs;	/* 0: no vector, one plain buffer */
	size_t distance;
	bool last_is_unmapped;
	int error;
};

static const struct layout layouts[] = {
	{ .name = "two-iovecs-in-one-page",	.iovecs = 2, .distance = SECTOR },
	{ .name = "one-iovec",			.iovecs = 1 },
	{ .name = "no-iovec",			.iovecs = 0 },
	{ .name = "two-iovecs-in-two-pages",	.iovecs = 2, .distance = 4096 },
	{ .name = "two-iovecs-apart-in-a-page",	.iovecs = 2, .distance = 4 * SECTOR },
	{ .name = "second-iovec-is-unmapped",	.iovecs = 2, .distance = SECTOR,
						.last_is_unmapped = true, .error = EFAULT },
	/* A bio takes 256. */
	{ .name = "300-iovecs",			.iovecs = 300, .distance = 4096 },
};

static const struct direction {
	const char *name;
	unsigned char command;
	int sg_direction;
} directions[] = {
	{ "read",	READ_10,	SG_DXFER_FROM_DEV },
	{ "write",	WRITE_10,	SG_DXFER_TO_DEV },
};

#define NR_LAYOUTS	(sizeof(layouts) / sizeof(layouts[0]))
#define NR_DIRECTIONS	(sizeof(directions) / sizeof(directions[0]))

/* Memory that is not there */
static char *hole_in_memory;

static int transfer(int fd, char *buffer, const struct layout *layout,
		    const struct direction *direction)
{
	unsigned int sectors = layout->iovecs ? layout->iovecs : 1;
	unsigned char command[10] = {
		direction->command, [7] = sectors >> 8, [8] = sectors,
	};
	struct sg_iovec iovecs[MAX_IOVECS];
	struct sg_io_hdr request = {
		.interface_id = 'S',
		.dxfer_direction = direction->sg_direction,
		.cmd_len = sizeof(command),
		.cmdp = command,
		.iovec_count = layout->iovecs,
		.dxfer_len = sectors * SECTOR,
		.dxferp = layout->iovecs ? (void *)iovecs : buffer,
		.timeout = 10000,
	};

	for (unsigned int i = 0; i < layout->iovecs; i++) {
		iovecs[i].iov_base = buffer + i * layout->distance;
		iovecs[i].iov_len = SECTOR;
	}
	if (layout->last_is_unmapped)
		iovecs[layout->iovecs - 1].iov_base = hole_in_memory;
	if (ioctl(fd, SG_IO, &request))
		return errno;
	if ((request.info & SG_INFO_OK_MASK) == SG_INFO_OK && !request.resid)
		return 0;
	fprintf(stderr, "SG_IO: status %#x, host %#x, residue %d\n", request.status,
		request.host_status, request.resid);
	return EIO;
}

static void test(int fd, const struct layout *layout, const struct direction *direction)
{
	long before = free_huge_pages(), lost, kept;
	bool wrong_result = false;
	char name[64];
	int error;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		char *buffer = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (buffer == MAP_FAILED)
			ktap_bail_out("mmap of a huge page");
		memset(buffer, 0, HUGE_SIZE);
		error = transfer(fd, buffer, layout, direction);
		wrong_result |= error != layout->error;
		if (munmap(buffer, HUGE_SIZE))
			ktap_bail_out("munmap");
	}
	kept = pins_kept();
	lost = before - free_huge_pages();
	snprintf(name, sizeof(name), "%s/%s", layout->name, direction->name);
	ktap_result(!lost && !kept && !wrong_result, name,
		    "bad %ld of %d, free %ld, was %ld, pins kept %ld, %s, expected %s",
		    lost, ROUNDS, before - lost, before, kept,
		    error ? strerror(error) : "success",
		    layout->error ? strerror(layout->error) : "success");
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: sg_io_iovecs SCSI-DISK, which is overwritten\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		ktap_bail_out("open %s", argv[1]);
	/* On stock, two layouts keep all pages that they touch. */
	if (free_huge_pages() < 2 * ROUNDS + 1) {
		errno = ENOMEM;
		ktap_bail_out("not %d huge pages in the pool", 2 * ROUNDS + 1);
	}
	hole_in_memory = mmap(NULL, HUGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole_in_memory == MAP_FAILED)
		ktap_bail_out("mmap");

	ktap_plan(NR_LAYOUTS * NR_DIRECTIONS);
	for (unsigned int l = 0; l < NR_LAYOUTS; l++)
		for (unsigned int d = 0; d < NR_DIRECTIONS; d++)
			test(fd, &layouts[l], &directions[d]);
	return ktap_exit_status();
}
