// SPDX-License-Identifier: GPL-2.0
/*
 * Does a direct read keep its data when the process forks meanwhile?
 *
 *	read 512 bytes into a page	the disk holds the read
 *	fork				the child stays
 *	store into another part of the page
 *					the disk lets go of the read
 *	the 512 bytes must be those of the disk
 *
 * The same without the fork is the control.  Each test runs several times on
 * different sectors, and passes if the data were there each time.
 *
 * With -p, a third test asks if there are pins while the disk holds the read, and
 * none afterwards.
 *
 * Where a file system has no direct I/O of 512 bytes, a page is read and the store
 * goes into it; then what the disk has is to replace it.
 */
#include <getopt.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "target.h"

#define POISON		0x5a
#define MARK		0x77
#define READ_OFFSET	0	/* in the page: where the read goes ... */
#define STORE_OFFSET	2048	/* ... and where the parent stores meanwhile */

struct counts {
	unsigned int intact;
	unsigned int lost;	/* what was in the buffer before the read */
	unsigned int wrong;	/* anything else */
	unsigned int unpinned;	/* no pin while the read was in flight */
	unsigned int kept;	/* pins that were not released */
};

static void count(struct counts *counts, const char *page, const struct read *read)
{
	bool mark_stays = READ_OFFSET + read->size <= STORE_OFFSET, poison = true;

	for (size_t at = 0; at < read->size; at++)
		poison &= page[READ_OFFSET + at] == POISON ||
			  READ_OFFSET + at == STORE_OFFSET;
	if (mark_stays && page[STORE_OFFSET] != MARK)
		counts->wrong++;
	else if (pattern_is_at(page + READ_OFFSET, read->size, read->from))
		counts->intact++;
	else if (poison)
		counts->lost++;
	else
		counts->wrong++;
}

enum event { FORK, CONTROL, PINS, EVENTS };

static const char *const event_names[EVENTS] = { "fork", "control", "pins" };

static void run(struct target *target, const struct buffer_kind *kind,
		const struct way *way, enum event event, struct counts *counts)
{
	struct child earlier, child;
	/* Those of an earlier run may still be on their way. */
	long pins = event == PINS ? pins_kept() : 0;
	char *buffer = buffer_map(kind);
	/* In a huge page, neither its first nor its last small page */
	char *page = buffer + kind->size / 2 / getpagesize() * getpagesize();
	struct read read = {
		.fd = target->fd,
		.to = page + READ_OFFSET,
		.size = target->read_size,
		.from = target_place(target, target->read_size),
	};

	memset(page, POISON, getpagesize());
	if (kind->shared_before)
		earlier = fork_child();

	target_must_hold(target, 0, "before the read");
	start_read(way, &read);
	slow_disk_wait_until_read_is_held(&target->disk);
	if (event == PINS)
		pins = pins_held();
	if (event == FORK)
		child = fork_child();
	page[STORE_OFFSET] = MARK;
	target_must_hold(target, 1, "after the store");
	target_end_read(target, &read);

	if (event != PINS)
		count(counts, page, &read);
	else if (!pins)
		counts->unpinned++;
	else if (pins_kept())
		counts->kept++;
	else
		counts->intact++;
	if (event == FORK)
		end_child(child);
	if (kind->shared_before)
		end_child(earlier);
	buffer_unmap(kind, buffer);
}

static void test(struct target *target, const struct buffer_kind *kind,
		 const struct way *way, enum event event, unsigned int runs)
{
	struct counts counts = {};
	char name[128];

	for (unsigned int i = 0; i < runs; i++)
		run(target, kind, way, event, &counts);
	snprintf(name, sizeof(name), "%s/%s/%s/%s", target->name, kind->name,
		 way->name, event_names[event]);
	if (event == PINS)
		ktap_result(counts.intact == runs, name,
			    "bad %u of %u, not pinned %u, not released %u",
			    runs - counts.intact, runs, counts.unpinned, counts.kept);
	else
		ktap_result(counts.intact == runs, name, "bad %u of %u, lost %u, wrong %u",
			    runs - counts.intact, runs, counts.lost, counts.wrong);
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_fork_race [-p] [-r RUNS] NAME=KIND:DISK:FILE...\n"
		TARGET_USAGE "-p looks at pins as well.\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_targets, nr_reads = 0, runs = 20;
	int option, events = PINS;

	while ((option = getopt(argc, argv, "pr:")) != -1) {
		if (option == 'p')
			events = EVENTS;
		else if (option == 'r' && atoi(optarg) >= 1)
			runs = atoi(optarg);
		else
			return usage();
	}
	nr_targets = argc - optind;
	if (!targets_open(argv + optind, nr_targets, targets))
		return usage();
	for (unsigned int t = 0; t < nr_targets; t++)
		nr_reads += target_ways(&targets[t]);

	ktap_plan(nr_reads * nr_buffer_kinds * events);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int b = 0; b < nr_buffer_kinds; b++)
			for (unsigned int w = 0; w < nr_ways; w++)
				for (int event = 0; event < events; event++)
					if (ways[w].type == targets[t].type)
						test(&targets[t], &buffer_kinds[b],
						     &ways[w], event, runs);
	return ktap_exit_status();
}
