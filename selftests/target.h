/* SPDX-License-Identifier: GPL-2.0 */
/* What a test reads from: NAME=KIND:DISK:FILE among its arguments. */
#ifndef TARGET_H
#define TARGET_H

#include "slow_disk.h"
#include "ways.h"

struct target {
	const char *name;
	enum target_type type;
	size_t read_size;	/* the smallest direct read */
	struct slow_disk disk;
	int fd;
	off_t next;		/* place to read from; see target_place() */
};

#define TARGET_USAGE							\
	"FILE holds the pattern of write_pattern and is on the dm-delay\n"	\
	"disk DISK, whose reads are delayed for minutes.  Or it is a device\n"	\
	"that reads DISK by commands.  KIND is file; file-4k, where direct\n"	\
	"reads of 512 bytes are not to be had; or scsi, sg, bsg, nvme, nvme-char\n" \
	"for a device that takes such commands.\n"

#define MAX_TARGETS 16

/*
 * Opens those of the arguments, or bails out.  Returns false if there are none or too
 * many, or if one makes no sense.
 */
bool targets_open(char **arguments, int number, struct target *targets);

/* How many of the ways read from it */
unsigned int target_ways(const struct target *target);

/* Takes a place to read from.  Where the pattern ends, the first ones come again. */
off_t target_place(struct target *target, size_t size);

/* Bails out unless that many reads are in flight. */
void target_must_hold(const struct target *target, unsigned int reads, const char *when);

/* Lets go of a read that is in flight, and bails out unless it gets all its data. */
void target_end_read(const struct target *target, struct read *read);

#endif
