/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A dm-delay disk whose delay is longer than any test: it holds every read,
 * before any data has moved, until it is told to let go.
 *
 * dm-delay counts the reads that it holds.  That is how a test knows that its
 * read is in flight.  It lets go of them all when it is suspended.
 */
#ifndef SLOW_DISK_H
#define SLOW_DISK_H

struct slow_disk {
	const char *name;	/* as in /dev/mapper */
	int control;
};

void slow_disk_open(struct slow_disk *disk, const char *name);
unsigned int slow_disk_held_reads(const struct slow_disk *disk);
void slow_disk_wait_until_read_is_held(const struct slow_disk *disk);
void slow_disk_let_go(const struct slow_disk *disk);

#endif
