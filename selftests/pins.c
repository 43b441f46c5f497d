// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "pins.h"

/* In steps of 10 ms.  Where pins are kept, there is not much left to find out. */
#define REST_STEPS	500
#define REST_STEPS_WHERE_KEPT	5

/* Pins that have been found to be kept for good */
static long kept_before;

struct pins read_pins(void)
{
	struct pins pins = { -1, -1 };
	char line[128];
	FILE *file;
	int refresh;

	/* Without this, what other CPUs have counted is not yet in the sums. */
	refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	if (refresh < 0 || write(refresh, "1", 1) != 1)
		ktap_bail_out("/proc/sys/vm/stat_refresh");
	close(refresh);
	file = fopen("/proc/vmstat", "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "nr_foll_pin_acquired %ld", &pins.acquired);
		sscanf(line, "nr_foll_pin_released %ld", &pins.released);
	}
	if (pins.acquired < 0 || pins.released < 0)
		ktap_bail_out("no nr_foll_pin_* in /proc/vmstat");
	fclose(file);
	return pins;
}

long pins_held(void)
{
	struct pins pins = read_pins();

	return pins.acquired - pins.released - kept_before;
}

long pins_kept(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int steps = kept_before ? REST_STEPS_WHERE_KEPT : REST_STEPS;
	long pins = pins_held();

	for (int i = 0; i < steps && pins; i++) {
		nanosleep(&pause, NULL);
		pins = pins_held();
	}
	kept_before += pins;
	return pins;
}
