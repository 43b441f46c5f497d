// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dm_delay.h"

/*
 * Where udev runs it looks into what has been resumed, and that read would be held as
 * well: these tell it not to (DM_UDEV_DISABLE_*_RULES_FLAG of libdevmapper, for
 * subsystems, disks and others).
 */
#define NO_LOOK_BY_UDEV	((0x2 | 0x4 | 0x8) << 16)

struct request {
	struct dm_ioctl dm;
	char room[512];
};

static int ask(const struct dm_delay *device, unsigned long command, unsigned int flags,
	       struct request *request)
{
	memset(request, 0, sizeof(*request));
	request->dm.version[0] = DM_VERSION_MAJOR;
	request->dm.data_size = sizeof(*request);
	request->dm.data_start = sizeof(request->dm);
	request->dm.flags = flags;
	request->dm.event_nr = NO_LOOK_BY_UDEV;
	strncpy(request->dm.name, device->name, sizeof(request->dm.name) - 1);
	return ioctl(device->control, command, request) ? -errno : 0;
}

int dm_delay_held_reads(const struct dm_delay *device)
{
	struct dm_target_spec *target;
	struct request request;
	unsigned int reads;
	int error;

	error = ask(device, DM_TABLE_STATUS, DM_NOFLUSH_FLAG, &request);
	if (error)
		return error;
	target = (struct dm_target_spec *)((char *)&request + request.dm.data_start);
	if (request.dm.target_count != 1 || strcmp(target->target_type, "delay") ||
	    sscanf((char *)(target + 1), "%u", &reads) != 1)
		return -EPROTO;
	return reads;
}

static int resume(const struct dm_delay *device)
{
	struct request request;

	return ask(device, DM_DEV_SUSPEND, 0, &request);
}

int dm_delay_open(struct dm_delay *device, const char *name)
{
	device->name = name;
	device->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (device->control < 0)
		return -errno;
	return resume(device);
}

/* What is suspended ends its delays. */
int dm_delay_let_go(const struct dm_delay *device)
{
	struct request request;
	int error;

	error = ask(device, DM_DEV_SUSPEND,
		    DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG, &request);
	return error ?: resume(device);
}
