/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A dm-delay device whose delay is longer than any test: it holds each read, before
 * any data has moved, until it is told to let go, and it knows how many it holds.
 */
#ifndef DM_DELAY_H
#define DM_DELAY_H

struct dm_delay {
	const char *name;	/* as in /dev/mapper */
	int control;
};

/* Each returns a negative errno if it cannot be done. */

/*
 * A table that has been loaded, but is not in use yet, is from now on.  -EPROTO if it is
 * not one dm-delay target; then nothing has been done to the device.
 */
int dm_delay_open(struct dm_delay *device, const char *name);

/* How many; -EPROTO if it is not one dm-delay target */
int dm_delay_held_reads(const struct dm_delay *device);

/* All of them */
int dm_delay_let_go(const struct dm_delay *device);

#endif
