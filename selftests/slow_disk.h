/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dm-delay device of a test: that a read is held by it is how the test knows that
 * the read is in flight.  What cannot be done ends the test.
 */
#ifndef SLOW_DISK_H
#define SLOW_DISK_H

#include "kselftests/vm/dm_delay.h"

struct slow_disk {
	struct dm_delay device;
};

void slow_disk_open(struct slow_disk *disk, const char *name);
unsigned int slow_disk_held_reads(const struct slow_disk *disk);
void slow_disk_wait_until_read_is_held(const struct slow_disk *disk);
void slow_disk_let_go(const struct slow_disk *disk);

#endif
