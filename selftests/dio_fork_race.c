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
#include <fcntl.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "slow_disk.h"
#include "ways.h"

#define POISON		0x5a
#define MARK		0x77
#define READ_OFFSET	0	/* in the page: where the read goes ... */
#define STORE_OFFSET	2048	/* ... and where the parent stores meanwhile */
#define MAX_TARGETS	16
#define REST_SECONDS	5

struct target_kind {
	const char *name;
	enum target_type type;
	size_t read_size;
	int open_flags;
};

static const struct target_kind target_kinds[] = {
	{ "file",	FILE_TARGET,		SECTOR,	O_RDONLY | O_DIRECT },
	{ "file-4k",	FILE_TARGET,		4096,	O_RDONLY | O_DIRECT },
	{ "scsi",	SCSI_TARGET,		SECTOR,	O_RDONLY },
	{ "sg",		SG_TARGET,		SECTOR,	O_RDWR },
	{ "bsg",	BSG_TARGET,		SECTOR,	O_RDWR },
	{ "nvme",	NVME_TARGET,		SECTOR,	O_RDONLY },
	{ "nvme-char",	NVME_CHAR_TARGET,	SECTOR,	O_RDONLY },
};

struct target {
	const char *name;
	const struct target_kind *kind;
	struct slow_disk disk;
	int fd;
	off_t next;	/* place to read from */
};

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

static void must_hold(const struct slow_disk *disk, unsigned int reads, const char *when)
{
	unsigned int held = slow_disk_held_reads(disk);

	if (held != reads) {
		errno = EIO;
		ktap_bail_out("%s: %u reads in flight %s, %u expected", disk->name,
			      held, when, reads);
	}
}

enum event { FORK, CONTROL, PINS, EVENTS };

static const char *const event_names[EVENTS] = { "fork", "control", "pins" };

/* Pins that are left from earlier runs */
static long kept_before;

static long pins_now(void)
{
	struct pins pins = read_pins();

	return pins.acquired - pins.released - kept_before;
}

/* Pins may be released a moment after the read has ended. */
static long pins_at_rest(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	long pins = pins_now();

	for (int i = 0; i < REST_SECONDS * 100 && pins; i++) {
		nanosleep(&pause, NULL);
		pins = pins_now();
	}
	kept_before += pins;
	return pins;
}

static void run(struct target *target, const struct buffer_kind *kind,
		const struct way *way, enum event event, struct counts *counts)
{
	struct child earlier, child;
	/* Those of an earlier run may still be on their way. */
	long pins = event == PINS ? pins_at_rest() : 0;
	char *buffer = buffer_map(kind);
	/* In a huge page, neither its first nor its last small page */
	char *page = buffer + kind->size / 2 / getpagesize() * getpagesize();
	struct read read = {
		.fd = target->fd,
		.to = page + READ_OFFSET,
		.size = target->kind->read_size,
		.from = target->next,
	};
	ssize_t bytes;

	target->next += read.size;
	memset(page, POISON, getpagesize());
	if (kind->shared_before)
		earlier = fork_child();

	must_hold(&target->disk, 0, "before the read");
	way->start(&read);
	slow_disk_wait_until_read_is_held(&target->disk);
	if (event == PINS)
		pins = pins_now();
	if (event == FORK)
		child = fork_child();
	page[STORE_OFFSET] = MARK;
	must_hold(&target->disk, 1, "after the store");
	slow_disk_let_go(&target->disk);
	bytes = way->finish(&read);
	if (bytes != (ssize_t)read.size) {
		errno = bytes < 0 ? -bytes : EIO;
		ktap_bail_out("%s: %s read %zd bytes of %zu", target->name, way->name,
			      bytes, read.size);
	}

	if (event != PINS)
		count(counts, page, &read);
	else if (!pins)
		counts->unpinned++;
	else if (pins_at_rest())
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

static const struct target_kind *find_target_kind(const char *name)
{
	for (unsigned int i = 0; i < sizeof(target_kinds) / sizeof(target_kinds[0]); i++)
		if (!strcmp(target_kinds[i].name, name))
			return &target_kinds[i];
	return NULL;
}

/* NAME=KIND:DISK:FILE */
static bool parse_target(char *text, struct target *target)
{
	char *kind = strchr(text, '=');
	char *disk = kind ? strchr(kind, ':') : NULL;
	/* The name of a bsg device has colons. */
	char *file = disk ? strchr(disk + 1, ':') : NULL;

	if (!file)
		return false;
	*kind++ = '\0';
	*disk++ = '\0';
	*file++ = '\0';
	target->name = text;
	target->kind = find_target_kind(kind);
	if (!target->kind)
		return false;
	slow_disk_open(&target->disk, disk);
	target->fd = open(file, target->kind->open_flags | O_CLOEXEC);
	if (target->fd < 0)
		ktap_bail_out("open %s", file);
	return true;
}

static unsigned int ways_to_read(const struct target *target)
{
	unsigned int number = 0;

	for (unsigned int w = 0; w < nr_ways; w++)
		number += ways[w].type == target->kind->type;
	return number;
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_fork_race [-p] [-r RUNS] NAME=KIND:DISK:FILE...\n"
		"FILE holds the pattern of write_pattern and is on the dm-delay\n"
		"disk DISK, whose reads are delayed for minutes.  Or it is a device\n"
		"that reads DISK by commands.  KIND is file; file-4k, where direct\n"
		"reads of 512 bytes are not to be had; or scsi, sg, bsg, nvme, nvme-char\n"
		"for a device that takes such commands.  -p looks at pins as well.\n");
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
	if (nr_targets < 1 || nr_targets > MAX_TARGETS)
		return usage();
	for (unsigned int i = 0; i < nr_targets; i++) {
		if (!parse_target(argv[optind + i], &targets[i]))
			return usage();
		nr_reads += ways_to_read(&targets[i]);
	}

	ktap_plan(nr_reads * nr_buffer_kinds * events);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int b = 0; b < nr_buffer_kinds; b++)
			for (unsigned int w = 0; w < nr_ways; w++)
				for (int event = 0; event < events; event++)
					if (ways[w].type == targets[t].kind->type)
						test(&targets[t], &buffer_kinds[b],
						     &ways[w], event, runs);
	return ktap_exit_status();
}
