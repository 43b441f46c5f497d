// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <linux/dm-ioctl.h>

#include "ktap.h"
#include "slow_disk.h"

#define WAIT_SECONDS 20

struct request {
	struct dm_ioctl dm;
	char room[512];
};

static void ask(const struct slow_disk *disk, unsigned long command,
		unsigned int flags, struct request *request)
{
	memset(request, 0, sizeof(*request));
	request->dm.version[0] = DM_VERSION_MAJOR;
	request->dm.data_size = sizeof(*request);
	request->dm.data_start = sizeof(request->dm);
	request->dm.flags = flags;
	strncpy(request->dm.name, disk->name, sizeof(request->dm.name) - 1);
	if (ioctl(disk->control, command, request))
		ktap_bail_out("device-mapper ioctl %#lx on %s", command, disk->name);
}

void slow_disk_open(struct slow_disk *disk, const char *name)
{
	disk->name = name;
	disk->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (disk->control < 0)
		ktap_bail_out("open /dev/mapper/control");
}

unsigned int slow_disk_held_reads(const struct slow_disk *disk)
{
	struct request request;
	unsigned int reads;
	const char *status;

	ask(disk, DM_TABLE_STATUS, DM_NOFLUSH_FLAG, &request);
	status = (char *)&request + request.dm.data_start +
		 sizeof(struct dm_target_spec);
	if (request.dm.target_count != 1 || sscanf(status, "%u", &reads) != 1) {
		errno = EPROTO;
		ktap_bail_out("%s is not one dm-delay target", disk->name);
	}
	return reads;
}

void slow_disk_wait_until_read_is_held(const struct slow_disk *disk)
{
	struct timespec now, pause = { .tv_nsec = 200000 };
	time_t deadline;

	clock_gettime(CLOCK_MONOTONIC, &now);
	deadline = now.tv_sec + WAIT_SECONDS;
	while (!slow_disk_held_reads(disk)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > deadline) {
			errno = ETIMEDOUT;
			ktap_bail_out("no read arrives at %s", disk->name);
		}
		nanosleep(&pause, NULL);
	}
}

void slow_disk_let_go(const struct slow_disk *disk)
{
	struct request request;

	ask(disk, DM_DEV_SUSPEND, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG |
				  DM_NOFLUSH_FLAG, &request);
	ask(disk, DM_DEV_SUSPEND, 0, &request);
}
