// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "ksm.h"
#include "ktap.h"

#define SECONDS	60
#define SCANS	3	/* a page is merged when its checksum has not changed */

static void set(const char *setting, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", setting);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ktap_bail_out("write %s to %s", value, path);
	close(fd);
}

static long full_scans(void)
{
	FILE *file = fopen("/sys/kernel/mm/ksm/full_scans", "re");
	long scans;

	if (!file || fscanf(file, "%ld", &scans) != 1)
		ktap_bail_out("full_scans of KSM");
	fclose(file);
	return scans;
}

static bool is_merged(const char *buffer, size_t size)
{
	unsigned long long first = page_frame(buffer);

	for (size_t at = 0; at < size; at += getpagesize())
		if (page_frame(buffer + at) != first)
			return false;
	return true;
}

void ksm_scan_all(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	long last;

	set("sleep_millisecs", "10");
	set("pages_to_scan", "10000");
	last = full_scans() + SCANS;
	set("run", "1");
	for (int i = 0; full_scans() < last; i++) {
		if (i == SECONDS * 100) {
			errno = ETIMEDOUT;
			ktap_bail_out("KSM does not scan");
		}
		nanosleep(&pause, NULL);
	}
	set("run", "0");
}

void ksm_merge(char *buffer, size_t size)
{
	if (madvise(buffer, size, MADV_MERGEABLE))
		ktap_bail_out("madvise(MADV_MERGEABLE)");
	/* A page that something else looks at right now is left out. */
	for (int tries = 10; tries && !is_merged(buffer, size); tries--)
		ksm_scan_all();
	if (!is_merged(buffer, size)) {
		errno = EBUSY;
		ktap_bail_out("KSM merges nothing");
	}
}
