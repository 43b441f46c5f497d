// SPDX-License-Identifier: GPL-2.0
/*
 * Does direct I/O pin what it must, and give back all that it took?
 *
 * Each case does one direct read or write and then asks four witnesses:
 * - the pin counters of /proc/vmstat: pages of a read are pinned once per
 *   iovec, those of a write are not, and at rest as many were released;
 * - a child forked afterwards: it shares the buffer, so nothing in it passes
 *   for pinned, neither by a pin that was kept nor by 1024 references;
 * - a store after that child is gone: it reuses each small page and THP in
 *   place, so nobody else holds a reference;
 * - the pool of hugetlb pages after munmap(): not one reference is left.
 *
 * Without the series, the "pins" of all reads fail and everything else passes.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"

#define SAMPLES		16
#define MAX_IOVECS	4
#define MAX_TARGETS	8
#define REST_SECONDS	1
#define ALL		((size_t)-1)	/* a length: to the end of the buffer */

struct shape {
	const char *name;
	unsigned int iovecs;
	struct {
		size_t offset, length;
	} iovec[MAX_IOVECS];
};

static const struct shape shapes[] = {
	{ "sector",		1, { { 0, SECTOR } } },
	{ "whole",		1, { { 0, ALL } } },
	{ "unaligned",		1, { { SECTOR, ALL } } },
	{ "side-by-side",	2, { { 0, SECTOR }, { SECTOR, SECTOR } } },
	{ "same-place-twice",	2, { { 0, SECTOR }, { 0, SECTOR } } },
	{ "apart",		4, { { 0, SECTOR }, { 1024, SECTOR },
				     { 2048, SECTOR }, { 3072, 2 * SECTOR } } },
};

struct direction {
	const char *name;
	ssize_t (*transfer)(int fd, const struct iovec *iov, int n, off_t offset);
	bool pins;
};

static const struct direction directions[] = {
	{ "read",	preadv,		true },
	{ "write",	pwritev,	false },
};

/* Pins that earlier tests have found to be kept for good */
static long kept_before;

static long pins_kept(struct pins pins)
{
	return pins.acquired - pins.released - kept_before;
}

/* A read of several bios wakes its reader before the last pages are released. */
static struct pins read_pins_at_rest(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	struct pins pins = read_pins();

	for (int i = 0; i < REST_SECONDS * 100 && pins_kept(pins); i++) {
		nanosleep(&pause, NULL);
		pins = read_pins();
	}
	return pins;
}

/* The page frames of a buffer, at up to SAMPLES places of it */
struct frames {
	size_t step;
	unsigned int number;
	unsigned long long frame[SAMPLES];
};

static struct frames frames_of(const char *buffer, size_t size)
{
	size_t step = size / SAMPLES / getpagesize() * getpagesize();
	struct frames frames = { .step = step ?: (size_t)getpagesize() };

	for (size_t at = 0; at < size; at += frames.step)
		frames.frame[frames.number++] = page_frame(buffer + at);
	return frames;
}

static int frames_changed(const struct frames *before, const char *buffer)
{
	int changed = 0;

	for (unsigned int i = 0; i < before->number; i++)
		changed += before->frame[i] != page_frame(buffer + i * before->step);
	return changed;
}

/* How many pages of the buffer a child gets as a copy instead of shared */
static int pages_copied_by_fork(const char *buffer, size_t size)
{
	struct frames frames = frames_of(buffer, size);
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		ktap_bail_out("fork");
	if (!pid)
		_exit(frames_changed(&frames, buffer));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		ktap_bail_out("child ended with status %#x", status);
	return WEXITSTATUS(status);
}

/* How many pages that a child has shared are copied instead of reused */
static int pages_copied_by_store(char *buffer, size_t size)
{
	struct frames frames = frames_of(buffer, size);

	for (unsigned int i = 0; i < frames.number; i++)
		buffer[i * frames.step] = 1;
	return frames_changed(&frames, buffer);
}

/*
 * A new page waits in a list of the CPU that faulted it in, and counts one
 * reference there.  The fault that looks at references empties its own CPU's.
 */
static void stay_on_this_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		ktap_bail_out("sched_setaffinity");
}

/* The iovecs of a shape in a buffer, and how many pages they touch in all */
static unsigned int fill_iovecs(const struct shape *shape, char *buffer,
				size_t size, struct iovec *iov)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < shape->iovecs; i++) {
		size_t first = shape->iovec[i].offset;
		size_t length = shape->iovec[i].length;
		size_t end = length == ALL ? size : first + length;

		iov[i].iov_base = buffer + first;
		iov[i].iov_len = end - first;
		pages += (end - 1) / getpagesize() - first / getpagesize() + 1;
	}
	return pages;
}

struct target {
	const char *name;
	int fd;
};

static void test(const struct target *target, const struct buffer_kind *kind,
		 const struct shape *shape, const struct direction *direction)
{
	long huge_pages = free_huge_pages();
	struct pins before = read_pins_at_rest(), after;
	char *buffer = buffer_map(kind);
	struct iovec iov[MAX_IOVECS];
	struct child earlier;
	unsigned int pages = fill_iovecs(shape, buffer, kind->size, iov);
	long pins, kept, expected = direction->pins ? pages : 0;
	ssize_t bytes, wanted = 0;
	char name[128];
	int copied, not_reused;

	for (unsigned int i = 0; i < shape->iovecs; i++)
		wanted += iov[i].iov_len;
	if (kind->shared_before)
		earlier = fork_child();
	bytes = direction->transfer(target->fd, iov, shape->iovecs, 0);
	if (bytes != wanted)
		ktap_bail_out("%s of %zd bytes gives %zd", direction->name, wanted,
			      bytes);
	after = read_pins_at_rest();
	copied = pages_copied_by_fork(buffer, kind->size);
	if (kind->shared_before)
		end_child(earlier);
	not_reused = pages_copied_by_store(buffer, kind->size);
	buffer_unmap(kind, buffer);
	huge_pages -= free_huge_pages();

	pins = after.acquired - before.acquired;
	kept = pins_kept(after);
	kept_before += kept;
	snprintf(name, sizeof(name), "%s/%s/%s/%s/pins", target->name, kind->name,
		 shape->name, direction->name);
	ktap_result(pins == expected, name, "bad %d of 1, pins %ld, expected %ld",
		    pins != expected, pins, expected);
	snprintf(name, sizeof(name), "%s/%s/%s/%s/release", target->name, kind->name,
		 shape->name, direction->name);
	ktap_result(!kept && !copied && !not_reused && !huge_pages, name,
		    "pins kept %ld, pages copied by fork %d, by a store %d, huge pages lost %ld",
		    kept, copied, not_reused, huge_pages);
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_release NAME=FILE...\n"
		"FILE is on a disk without delay and is overwritten; 2 MiB or more.\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned int nr_shapes = sizeof(shapes) / sizeof(shapes[0]);
	unsigned int nr_directions = sizeof(directions) / sizeof(directions[0]);
	struct target targets[MAX_TARGETS];
	unsigned int nr_targets = argc - 1;

	if (nr_targets < 1 || nr_targets > MAX_TARGETS)
		return usage();
	for (unsigned int i = 0; i < nr_targets; i++) {
		char *file = strchr(argv[1 + i], '=');

		if (!file)
			return usage();
		*file++ = '\0';
		targets[i].name = argv[1 + i];
		targets[i].fd = open(file, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (targets[i].fd < 0)
			ktap_bail_out("open %s", file);
	}

	stay_on_this_cpu();
	ktap_plan(nr_targets * nr_buffer_kinds * nr_shapes * nr_directions * 2);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int b = 0; b < nr_buffer_kinds; b++)
			for (unsigned int s = 0; s < nr_shapes; s++)
				for (unsigned int d = 0; d < nr_directions; d++)
					test(&targets[t], &buffer_kinds[b],
					     &shapes[s], &directions[d]);
	return ktap_exit_status();
}
