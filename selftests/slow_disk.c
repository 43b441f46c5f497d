// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include "ktap.h"
#include "slow_disk.h"

#define WAIT_SECONDS 20

static void must(const struct slow_disk *disk, int result, const char *what)
{
	if (result < 0) {
		errno = -result;
		ktap_bail_out("%s: %s", disk->device.name, what);
	}
}

void slow_disk_open(struct slow_disk *disk, const char *name)
{
	must(disk, dm_delay_open(&disk->device, name), "open it as a dm-delay device");
}

unsigned int slow_disk_held_reads(const struct slow_disk *disk)
{
	int reads = dm_delay_held_reads(&disk->device);

	must(disk, reads, "how many reads are held");
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
			ktap_bail_out("no read arrives at %s", disk->device.name);
		}
		nanosleep(&pause, NULL);
	}
}

void slow_disk_let_go(const struct slow_disk *disk)
{
	must(disk, dm_delay_let_go(&disk->device), "let go of reads");
}
