// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>

#include "ktap.h"
#include "pattern.h"
#include "target.h"

#define PATTERN_SIZE	(16 << 20)	/* guest/slow-disk makes that much */

static const struct target_kind {
	const char *name;
	enum target_type type;
	size_t read_size;
	int open_flags;
} kinds[] = {
	{ "file",	FILE_TARGET,		SECTOR,	O_RDONLY | O_DIRECT },
	{ "file-4k",	FILE_TARGET,		4096,	O_RDONLY | O_DIRECT },
	{ "scsi",	SCSI_TARGET,		SECTOR,	O_RDONLY },
	{ "sg",		SG_TARGET,		SECTOR,	O_RDWR },
	{ "bsg",	BSG_TARGET,		SECTOR,	O_RDWR },
	{ "nvme",	NVME_TARGET,		SECTOR,	O_RDONLY },
	{ "nvme-char",	NVME_CHAR_TARGET,	SECTOR,	O_RDONLY },
};

static const struct target_kind *find_kind(const char *name)
{
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static bool target_open(char *argument, struct target *target)
{
	char *name = strchr(argument, '=');
	char *disk = name ? strchr(name, ':') : NULL;
	/* The name of a bsg device has colons. */
	char *file = disk ? strchr(disk + 1, ':') : NULL;
	const struct target_kind *kind;

	if (!file)
		return false;
	*name++ = '\0';
	*disk++ = '\0';
	*file++ = '\0';
	kind = find_kind(name);
	if (!kind)
		return false;
	target->name = argument;
	target->type = kind->type;
	target->read_size = kind->read_size;
	slow_disk_open(&target->disk, disk);
	target->fd = open(file, kind->open_flags | O_CLOEXEC);
	if (target->fd < 0)
		ktap_bail_out("open %s", file);
	return true;
}

bool targets_open(char **arguments, int number, struct target *targets)
{
	if (number < 1 || number > MAX_TARGETS)
		return false;
	for (int i = 0; i < number; i++)
		if (!target_open(arguments[i], &targets[i]))
			return false;
	return true;
}

unsigned int target_ways(const struct target *target)
{
	unsigned int number = 0;

	for (unsigned int w = 0; w < nr_ways; w++)
		number += ways[w].type == target->type;
	return number;
}

off_t target_place(struct target *target, size_t size)
{
	off_t place = target->next + size <= PATTERN_SIZE ? target->next : 0;

	target->next = place + size;
	return place;
}

void target_must_hold(const struct target *target, unsigned int reads, const char *when)
{
	unsigned int held = slow_disk_held_reads(&target->disk);

	if (held != reads) {
		errno = EIO;
		ktap_bail_out("%s: %u reads in flight %s, %u expected", target->disk.device.name,
			      held, when, reads);
	}
}

void target_end_read(const struct target *target, struct read *read)
{
	ssize_t bytes;

	if (!slow_disk_held_reads(&target->disk)) {
		errno = EIO;
		ktap_bail_out("%s: no read is in flight any more", target->name);
	}
	slow_disk_let_go(&target->disk);
	bytes = finish_read(read);
	if (bytes != (ssize_t)read->size) {
		errno = bytes < 0 ? -bytes : EIO;
		ktap_bail_out("%s: %s read %zd bytes of %zu", target->name,
			      read->way->name, bytes, read->size);
	}
}
