// SPDX-License-Identifier: GPL-2.0
/*
 * What does a direct read give back whose allocations fail, or whose request does?
 * The kernel's fault injection fails the first of them, then the second, and so on,
 * until a read comes through without (/proc/PID/fail-nth).  Each read has all its data,
 * or the first part of them, or fails; and the witnesses are asked each time.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "target.h"
#include "witness.h"

#define MAX_FAULTS	1000
#define MAX_SWEEPS	10
#define BUFFER_SIZE	(2UL << 20)
#define FILE_READ	BUFFER_SIZE	/* a bio has 256 pages at most */
#define HOLES_READ	(200UL << 10)	/* 66 bios; fs/direct-io.c looks back after 64 */
#define COMMAND_READ	(2 * 511UL * SECTOR)	/* half of it ends inside a page */
#define SHARED_SIZE	(128UL << 10)
#define POISON		0x5a

static const struct buffer_kind kinds[] = {
	{ .name = "small-pages",	.size = BUFFER_SIZE },
	{ .name = "thp",		.size = BUFFER_SIZE, .is_thp = true },
	{ .name = "hugetlb",		.size = BUFFER_SIZE, .mmap_flags = MAP_HUGETLB },
	/* Each page is copied when it is pinned, and each copy is to fail once. */
	{ .name = "shared-small-pages",	.size = SHARED_SIZE, .shared_before = true },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The file of the thread that reads */
static int fail_nth;

static void fail_after(unsigned int calls)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", calls);

	if (pwrite(fail_nth, text, length, 0) != length)
		ktap_bail_out("write to fail-nth");
}

/* How many calls more it would have taken */
static unsigned int calls_left(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		ktap_bail_out("read from fail-nth");
	return atoi(text);
}

struct counts {
	unsigned int sweeps, reads, faults, errors, wrong, not_given_back;
	unsigned int first_bad;		/* the number of its fault */
	struct witness witness;		/* of the first that was not given back */
};

static bool data_are_right(const struct read *read, ssize_t bytes, bool holes)
{
	static const char zeros[SECTOR];

	for (ssize_t at = 0; at + SECTOR <= bytes; at += SECTOR) {
		if (holes && pattern_has_hole_at(read->from + at) ?
		    memcmp(read->to + at, zeros, SECTOR) :
		    !pattern_is_at(read->to + at, SECTOR, read->from + at))
			return false;
	}
	return true;
}

static bool has_holes(const struct target *target)
{
	return !strcmp(target->name, "holes");
}

static size_t size_of_read(const struct target *target, const struct buffer_kind *kind)
{
	size_t size = target->type != FILE_TARGET ? COMMAND_READ :
		      has_holes(target) ? HOLES_READ : FILE_READ;

	return size < kind->size ? size : kind->size;
}

/* Small pages no more than the read goes into: to look at each of them takes time. */
static struct buffer_kind fitting_kind(const struct target *target,
				       const struct buffer_kind *kind)
{
	struct buffer_kind fitting = *kind;
	size_t page = getpagesize();

	if (!kind->is_thp && !(kind->mmap_flags & MAP_HUGETLB))
		fitting.size = (size_of_read(target, kind) + page - 1) / page * page;
	return fitting;
}

/* Whether there has been a fault */
static bool read_with_fault(const struct target *target, const struct buffer_kind *kind,
			    const struct way *way, unsigned int nth, struct counts *counts)
{
	struct witness witness;
	struct child earlier;
	struct read read = {
		.fd = target->fd,
		.size = size_of_read(target, kind),
	};
	bool wrong, failed;
	ssize_t bytes;

	witness_begin(&witness);
	read.to = buffer_map(kind);
	memset(read.to, POISON, kind->size);
	if (kind->shared_before)
		earlier = fork_child();
	fail_after(nth);
	bytes = do_read(way, &read);
	failed = !calls_left();
	fail_after(0);
	wrong = !data_are_right(&read, bytes, has_holes(target)) ||
		(!failed && bytes != (ssize_t)read.size);
	witness_io_done(&witness, read.to, kind->size);
	if (kind->shared_before)
		end_child(earlier);
	witness_store(&witness, read.to, kind->size);
	buffer_unmap(kind, read.to);
	witness_end(&witness);

	if ((wrong || !all_was_given_back(&witness)) && !counts->first_bad)
		counts->first_bad = nth;
	if (!all_was_given_back(&witness) && !counts->not_given_back++)
		counts->witness = witness;
	counts->reads++;
	counts->faults += failed;
	counts->errors += bytes < 0;
	counts->wrong += wrong;
	return failed;
}

/* Fails each call in turn; the last read has no fault. */
static void sweep(const struct target *target, const struct buffer_kind *kind,
		  const struct way *way, struct counts *counts)
{
	unsigned int nth = 1;

	while (nth < MAX_FAULTS && read_with_fault(target, kind, way, nth, counts))
		nth++;
	counts->sweeps++;
}

/*
 * Some reads make more calls than others, as they do when a slab is empty and takes a
 * page, or when it takes a second bio since the pages do not follow each other.  That
 * moves the numbers of the calls after it, so that the one call that is an error when it
 * fails can be passed over.
 */
static void test(const struct target *target, const struct buffer_kind *kind,
		 const struct way *way)
{
	struct buffer_kind fitting = fitting_kind(target, kind);
	struct counts counts = {};
	char name[128];

	while (!counts.errors && counts.sweeps < MAX_SWEEPS)
		sweep(target, &fitting, way, &counts);
	snprintf(name, sizeof(name), "faults/%s/%s/%s", target->name, kind->name, way->name);
	/* The errors show that the faults mattered. */
	ktap_result(counts.errors && counts.reads == counts.faults + counts.sweeps &&
		    !counts.wrong && !counts.not_given_back, name,
		    "bad %u of %u, errors %u, data wrong %u, first bad %u, " WITNESS_FORMAT,
		    counts.wrong + counts.not_given_back, counts.reads, counts.errors,
		    counts.wrong, counts.first_bad, WITNESS_ARGUMENTS(counts.witness));
}

/* A registered buffer is held by its registration, and not by a read. */
static bool is_tested(const struct target *target, const struct way *way)
{
	return way->type == target->type && strcmp(way->name, "io_uring-read-fixed");
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_faults NAME=KIND:DISK:FILE...\n" TARGET_USAGE
		"Here it has no delay.  Fault injection is set up by the caller.  The pattern\n"
		"of a target of the name holes has them.\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_targets = argc - 1, nr_reads = 0;

	if (!targets_open(argv + 1, argc - 1, targets))
		return usage();
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int w = 0; w < nr_ways; w++)
			nr_reads += is_tested(&targets[t], &ways[w]);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		ktap_bail_out("open /proc/thread-self/fail-nth");

	ktap_plan(nr_reads * NR_KINDS);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int k = 0; k < NR_KINDS; k++)
			for (unsigned int w = 0; w < nr_ways; w++)
				if (is_tested(&targets[t], &ways[w]))
					test(&targets[t], &kinds[k], &ways[w]);
	return ktap_exit_status();
}
