// SPDX-License-Identifier: GPL-2.0
/*
 * Do direct reads into many places keep their data when the process forks
 * meanwhile?  As dio_fork_race does, for the calls that take iovecs, with a store
 * behind each iovec, in its page.  Each read runs without a fork as well, and is
 * looked at for pins.
 *
 * 1024 iovecs are more than one bio takes.  Only libaio has submitted them all for
 * sure when its call returns.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "target.h"

#define PAGE		4096UL
#define POISON		0x5a
#define MARK		0x77
#define MAX_IOVECS	1024
#define BUFFER_SIZE	(2UL << 20)
#define ALL_WAYS	NULL

/* Places that follow each other at the same distance */
struct shape {
	const char *name;
	unsigned int iovecs;
	size_t first, length, stride;
	int pins;	/* at least, while all is in flight */
	const char *way;
};

static const struct shape shapes[] = {
	{ "one",		1,	0,	SECTOR,		0,	1,	ALL_WAYS },
	{ "two-in-one-page",	2,	0,	SECTOR,		1024,	2,	ALL_WAYS },
	/* Both become one part of a bio, which needs one pin. */
	{ "side-by-side",	2,	1024,	SECTOR,		SECTOR,	1,	ALL_WAYS },
	{ "across-pages",	3,	512,	PAGE,		8192,	6,	ALL_WAYS },
	{ "1024",		1024,	0,	SECTOR,		1024,	1024,	"libaio-preadv" },
};
#define NR_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

enum event { FORK, CONTROL, PINS, EVENTS };

static const char *const event_names[EVENTS] = { "fork", "control", "pins" };

static bool takes(const struct shape *shape, const struct way *way)
{
	return shape->way == ALL_WAYS || !strcmp(shape->way, way->name);
}

static char *place(const struct shape *shape, char *buffer, unsigned int i)
{
	return buffer + shape->first + i * shape->stride;
}

static size_t size_of(const struct shape *shape)
{
	return shape->iovecs * shape->length;
}

static void mark_behind_all(const struct shape *shape, char *buffer)
{
	for (unsigned int i = 0; i < shape->iovecs; i++) {
		char *end = place(shape, buffer, i) + shape->length;

		/* Side by side, the next one follows at once. */
		if (i + 1 == shape->iovecs || end != place(shape, buffer, i + 1))
			*end = MARK;
	}
}

/* In how many of the places are the data not? */
static unsigned int places_lost(const struct shape *shape, char *buffer, off_t from)
{
	unsigned int lost = 0;

	for (unsigned int i = 0; i < shape->iovecs; i++)
		lost += !pattern_is_at(place(shape, buffer, i), shape->length,
				       from + i * shape->length);
	return lost;
}

static void test(struct target *target, const struct shape *shape, const struct way *way,
		 enum event event)
{
	struct iovec iovecs[MAX_IOVECS];
	struct child child;
	struct read read = {
		.fd = target->fd,
		.size = size_of(shape),
		.iovecs = iovecs,
		.nr_iovecs = shape->iovecs,
	};
	long held, kept;
	unsigned int lost;
	char name[128], *buffer;

	buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		ktap_bail_out("mmap");
	memset(buffer, POISON, BUFFER_SIZE);
	for (unsigned int i = 0; i < shape->iovecs; i++)
		iovecs[i] = (struct iovec){ place(shape, buffer, i), shape->length };
	read.from = target_place(target, size_of(shape));

	/* Those of the test before may still be on their way. */
	pins_kept();
	target_must_hold(target, 0, "before the read");
	start_read(way, &read);
	slow_disk_wait_until_read_is_held(&target->disk);
	held = pins_held();
	if (event == FORK)
		child = fork_child();
	mark_behind_all(shape, buffer);
	target_end_read(target, &read);
	kept = pins_kept();
	lost = places_lost(shape, buffer, read.from);
	if (event == FORK)
		end_child(child);
	munmap(buffer, BUFFER_SIZE);

	snprintf(name, sizeof(name), "iovecs/%s/%s/%s/%s", target->name, shape->name,
		 way->name, event_names[event]);
	if (event == PINS)
		ktap_result(held >= shape->pins && !kept, name,
			    "bad %d of 1, pins %ld, expected %d, kept %ld",
			    held < shape->pins || kept, held, shape->pins, kept);
	else
		ktap_result(!lost, name, "bad %u of %u", lost, shape->iovecs);
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_iovecs NAME=file:DISK:FILE...\n" TARGET_USAGE);
	return 2;
}

int main(int argc, char **argv)
{
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_targets = argc - 1, nr_reads = 0;

	if (!targets_open(argv + 1, argc - 1, targets))
		return usage();
	for (unsigned int t = 0; t < nr_targets; t++)
		if (targets[t].type != FILE_TARGET)
			return usage();
	for (unsigned int s = 0; s < NR_SHAPES; s++)
		for (unsigned int w = 0; w < nr_vector_ways; w++)
			nr_reads += takes(&shapes[s], &vector_ways[w]);

	ktap_plan(nr_targets * nr_reads * EVENTS);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int s = 0; s < NR_SHAPES; s++)
			for (unsigned int w = 0; w < nr_vector_ways; w++)
				for (int event = 0; event < EVENTS; event++)
					if (takes(&shapes[s], &vector_ways[w]))
						test(&targets[t], &shapes[s],
						     &vector_ways[w], event);
	return ktap_exit_status();
}
