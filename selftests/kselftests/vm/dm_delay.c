// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdlib.h>
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

/* What the one target of the device has to say, if that is dm-delay; else NULL */
static const char *status_of_delay(const struct request *request)
{
	const struct dm_target_spec *target =
		(struct dm_target_spec *)((char *)request + request->dm.data_start);

	if (request->dm.target_count != 1 || strcmp(target->target_type, "delay"))
		return NULL;
	return (const char *)(target + 1);
}

int dm_delay_held_reads(const struct dm_delay *device)
{
	struct request request;
	const char *status;
	char *end;
	long reads;
	int error;

	error = ask(device, DM_TABLE_STATUS, DM_NOFLUSH_FLAG, &request);
	if (error)
		return error;
	status = status_of_delay(&request);
	if (!status)
		return -EPROTO;
	reads = strtol(status, &end, 10);
	return end == status ? -EPROTO : reads;
}

static int resume(const struct dm_delay *device)
{
	struct request request;

	return ask(device, DM_DEV_SUSPEND, 0, &request);
}

int dm_delay_open(struct dm_delay *device, const char *name)
{
	struct request request;
	int error;

	device->name = name;
	device->control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (device->control < 0)
		return -errno;
	/* To resume it would put a new table into use, or end somebody's suspension. */
	error = ask(device, DM_TABLE_STATUS,
		    DM_STATUS_TABLE_FLAG | DM_QUERY_INACTIVE_TABLE_FLAG, &request);
	if (!error && !request.dm.target_count)
		error = ask(device, DM_TABLE_STATUS, DM_STATUS_TABLE_FLAG, &request);
	if (error)
		return error;
	return status_of_delay(&request) ? resume(device) : -EPROTO;
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
