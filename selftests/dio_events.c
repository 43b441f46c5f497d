// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of each kind, and what may happen to it while a direct read into it is in
 * flight:
 *
 *	start a read			the disk holds it
 *	the event
 *	store around the place of the read, in the same pages
 *	let go of the read
 *	the data must be where they belong
 *
 * Without the series, each kind of private memory loses the data to each kind of
 * fork, unless the child does not inherit it; and nothing is pinned.  All else is
 * the same on each kernel.
 *
 * Data that are in a mapped file must also get to its disk: the page may have been
 * written back, and be clean, when the device writes to it.
 *
 * That four of the events do what their names say is seen first, without a read.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ksm.h"
#include "ktap.h"
#include "memory.h"
#include "new_pages.h"
#include "pattern.h"
#include "pins.h"
#include "target.h"
#include "witness.h"

#define PAGE		4096UL
#define HUGE_SIZE	(2UL << 20)
#define MARK		0x77
#define EXEC_CHILD	"--exit"
#define DIRTY_TRIES	500
#define DIRTY_PAUSE_MS	10

enum outcome {
	ARRIVES,	/* the data are in memory */
	REPLACED,	/* there is fresh memory, without the data, if it is not shared */
	COVERED,	/* the same, shared or not */
	GONE,		/* there is no memory */
};

struct event {
	const char *name;
	void (*happen)(struct mapping *mapping);
	enum outcome outcome;
	bool child;		/* is there from now on */
	bool same_frame;	/* the page must not move */
	unsigned int not_with;	/* traits of memory */
};

/* In the first page of the read, before it, and in the last one, behind it */
static char *first_mark(const struct mapping *mapping)
{
	return (char *)((uintptr_t)mapping->to & -PAGE);
}

static char *last_mark(const struct mapping *mapping)
{
	uintptr_t last = (uintptr_t)mapping->to + mapping->read_size - 1;

	return (char *)(last & -PAGE) + PAGE / 2;
}

static void store_marks(const struct mapping *mapping)
{
	*first_mark(mapping) = MARK;
	*last_mark(mapping) = MARK;
}

static bool marks_are_there(const struct mapping *mapping)
{
	return *first_mark(mapping) == MARK && *last_mark(mapping) == MARK;
}

static struct child child;

static void nothing(struct mapping *mapping)
{
	(void)mapping;
}

static void fork_once(struct mapping *mapping)
{
	(void)mapping;
	child = fork_child();
}

static void fork_of_fork(struct mapping *mapping)
{
	(void)mapping;
	child = fork_child_that_forks();
}

static void *fork_in_thread(void *argument)
{
	fork_once(argument);
	return NULL;
}

static void fork_by_thread(struct mapping *mapping)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, fork_in_thread, mapping);
	if (errno)
		ktap_bail_out("pthread_create");
	pthread_join(thread, NULL);
}

static void vfork_and_exec(struct mapping *mapping)
{
	int status;
	pid_t pid;

	(void)mapping;
	pid = vfork();
	if (!pid) {
		execl("/proc/self/exe", "dio_events", EXEC_CHILD, NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		ktap_bail_out("vfork and exec");
}

static void discard(struct mapping *mapping)
{
	if (madvise(mapping->start, mapping->size, MADV_DONTNEED))
		ktap_bail_out("madvise(MADV_DONTNEED)");
}

static void unmap(struct mapping *mapping)
{
	if (munmap(mapping->start, mapping->size))
		ktap_bail_out("munmap");
}

static void map_over(struct mapping *mapping)
{
	if (mmap(mapping->start, mapping->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		ktap_bail_out("mmap over the memory");
}

static void move_mapping(struct mapping *mapping)
{
	char *new = reserve_aligned(HUGE_SIZE);

	if (mremap(mapping->start, mapping->size, mapping->size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, new) == MAP_FAILED)
		ktap_bail_out("mremap");
	mapping->to += new - mapping->start;
	mapping->start = new;
}

static void protect_and_back(struct mapping *mapping)
{
	if (mprotect(mapping->start, mapping->size, PROT_NONE) ||
	    mprotect(mapping->start, mapping->size, PROT_READ | PROT_WRITE))
		ktap_bail_out("mprotect");
}

static void move_pages_to(struct mapping *mapping, int node, int *status)
{
	void *page = (void *)((uintptr_t)mapping->to & -PAGE);

	if (syscall(SYS_move_pages, 0, 1, &page, node < 0 ? NULL : &node, status,
		    node < 0 ? 0 : MPOL_MF_MOVE) < 0)
		ktap_bail_out("move_pages");
}

/* Between node 0 and node 1; it may be refused. */
static void migrate(struct mapping *mapping)
{
	int node, status;

	move_pages_to(mapping, -1, &node);
	if (node != 0 && node != 1) {
		errno = node < 0 ? -node : ENODEV;
		ktap_bail_out("move_pages finds node %d", node);
	}
	move_pages_to(mapping, !node, &status);
}

static void write_to(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ktap_bail_out("write %s to %s", value, file);
	close(fd);
}

static void compact(struct mapping *mapping)
{
	(void)mapping;
	write_to("/proc/sys/vm/compact_memory", "1");
}

static void clear_soft_dirty(struct mapping *mapping)
{
	(void)mapping;
	write_to("/proc/self/clear_refs", "4");
}

/* The page, which the start of the read has made dirty, is clean when it ends. */
static void write_back(struct mapping *mapping)
{
	store_marks(mapping);
	if (msync(mapping->start, mapping->size, MS_SYNC))
		ktap_bail_out("msync");
}

static void swap_out(struct mapping *mapping)
{
	if (madvise(mapping->start, mapping->size, MADV_PAGEOUT))
		ktap_bail_out("madvise(MADV_PAGEOUT)");
}

static char *map_anonymous_page(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		ktap_bail_out("mmap");
	return page;
}

/* KSM finds a page of the same content. */
static void offer_to_ksm(struct mapping *mapping)
{
	char *page = (char *)((uintptr_t)mapping->to & -PAGE);
	char *same = map_anonymous_page();

	memcpy(same, page, PAGE);
	if (madvise(same, PAGE, MADV_MERGEABLE) || madvise(page, PAGE, MADV_MERGEABLE))
		ktap_bail_out("madvise(MADV_MERGEABLE)");
	ksm_scan_all();
	munmap(same, PAGE);
}

static const struct event events[] = {
	{ "control",	nothing,		.outcome = ARRIVES },
	{ "fork",	fork_once,		.child = true },
	{ "fork-of-fork", fork_of_fork,		.child = true },
	{ "fork-by-thread", fork_by_thread,	.child = true },
	{ "vfork-exec",	vfork_and_exec,		.outcome = ARRIVES },
	{ "dontneed",	discard,		.outcome = REPLACED, .not_with = LOCKED },
	{ "munmap",	unmap,			.outcome = GONE, .not_with = STACK },
	{ "map-over",	map_over,		.outcome = COVERED, .not_with = STACK },
	{ "mremap",	move_mapping,		.not_with = STACK },
	{ "mprotect",	protect_and_back,	.outcome = ARRIVES },
	{ "move-pages",	migrate,		.same_frame = true },
	{ "compaction",	compact,		.same_frame = true },
	{ "soft-dirty",	clear_soft_dirty,	.same_frame = true },
	{ "msync",	write_back,		.same_frame = true },
	{ "pageout",	swap_out,		.same_frame = true, .not_with = LOCKED | HUGETLB },
	{ "ksm",	offer_to_ksm,		.same_frame = true },
};
#define NR_EVENTS (sizeof(events) / sizeof(events[0]))

static bool all_zeros(const char *data, size_t size)
{
	return !*data && !memcmp(data, data + 1, size - 1);
}

static const char *mapped_file;

/*
 * Whether the data get to the disk, as they would have to before reclaim.  Who has waited
 * for the read may be here before a kworker has made the page dirty again.
 */
static bool can_be_written_back(const struct mapping *mapping, off_t from)
{
	const struct timespec pause = { .tv_nsec = DIRTY_PAUSE_MS * 1000000 };
	int fd = open(mapped_file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	char *page = map_anonymous_page();
	bool written = false;

	if (fd < 0)
		ktap_bail_out("open %s", mapped_file);
	for (int tries = DIRTY_TRIES; tries && !written; tries--) {
		if (tries < DIRTY_TRIES)
			nanosleep(&pause, NULL);
		if (msync(mapping->start, mapping->size, MS_SYNC))
			ktap_bail_out("msync");
		if (pread(fd, page, PAGE, 0) != (ssize_t)PAGE)
			ktap_bail_out("read %s", mapped_file);
		written = pattern_is_at(page + (mapping->to - mapping->start),
					mapping->read_size, from);
	}
	munmap(page, PAGE);
	close(fd);
	return written;
}

/* What is found when the read has ended */
static const char *look(const struct mapping *mapping, const struct memory *memory,
			off_t from)
{
	if (!marks_are_there(mapping))
		return "stores lost";
	if (pattern_is_at(mapping->to, mapping->read_size, from))
		return memory->traits & ON_DISK && !can_be_written_back(mapping, from) ?
			"data that are not written back" : "data";
	return all_zeros(mapping->to, mapping->read_size) ? "zeros" : "neither";
}

static const char *expected_look(const struct memory *memory, const struct event *event)
{
	if (event->outcome == GONE)
		return "nothing";
	if (event->outcome == COVERED ||
	    (event->outcome == REPLACED && !(memory->traits & SHARED)))
		return "zeros";
	return "data";
}

static const struct way *libaio(void)
{
	for (unsigned int w = 0; w < nr_ways; w++)
		if (!strcmp(ways[w].name, "libaio"))
			return &ways[w];
	errno = ENOENT;
	ktap_bail_out("libaio");
}

static struct read start(struct target *target, const struct mapping *mapping)
{
	struct read read = {
		.fd = target->fd,
		.to = mapping->to,
		.size = mapping->read_size,
		.from = target->next,
	};

	target->next += read.size;
	target_must_hold(target, 0, "before the read");
	start_read(libaio(), &read);
	slow_disk_wait_until_read_is_held(&target->disk);
	return read;
}

static void clean_up(struct mapping *mapping, const struct memory *memory,
		     const struct event *event)
{
	if (event->outcome == GONE)
		return;
	if (memory->traits & STACK)
		madvise(mapping->start, mapping->size, MADV_UNMERGEABLE);
	else
		unmap(mapping);
}

static void test(struct target *target, const struct memory *memory,
		 const struct event *event)
{
	const char *found = "nothing", *expected = expected_look(memory, event);
	long huge_pages = free_huge_pages(), pins;
	struct mapping mapping = memory->map();
	unsigned long long frame = 0;
	bool moved = false, bad;
	struct read read;
	char name[128];

	read = start(target, &mapping);
	if (event->same_frame)
		frame = page_frame(mapping.to);
	event->happen(&mapping);
	/* A store would make a page dirty again that the event has written back. */
	if (event->outcome != GONE && !marks_are_there(&mapping))
		store_marks(&mapping);
	if (event->same_frame)
		moved = page_frame(mapping.to) != frame;
	target_end_read(target, &read);
	pins = pins_kept();
	if (event->outcome != GONE)
		found = look(&mapping, memory, read.from);
	if (event->child)
		end_child(child);
	clean_up(&mapping, memory, event);
	huge_pages -= free_huge_pages();

	bad = strcmp(found, expected) || moved || pins || huge_pages;
	snprintf(name, sizeof(name), "%s/%s/%s", target->name, memory->name, event->name);
	ktap_result(!bad, name, "bad %d of 1, found %s, expected %s%s, pins kept %ld, huge pages lost %ld",
		    bad, found, expected, moved ? ", the page has moved" : "", pins,
		    huge_pages);
}

static void test_pins(struct target *target, const struct memory *memory)
{
	struct mapping mapping = memory->map();
	const struct event control = { .happen = nothing };
	struct read read;
	long held, kept;
	char name[128];

	/* Those of the test before may still be on their way. */
	pins_kept();
	read = start(target, &mapping);
	held = pins_held();
	target_end_read(target, &read);
	kept = pins_kept();
	clean_up(&mapping, memory, &control);

	snprintf(name, sizeof(name), "%s/%s/pins", target->name, memory->name);
	ktap_result(held > 0 && !kept, name, "bad %d of 1, pins %ld, kept %ld",
		    held <= 0 || kept, held, kept);
}

/* That the events are what they are called */

static bool frame_changes(struct mapping *mapping, void (*happen)(struct mapping *mapping))
{
	unsigned long long frame = page_frame(mapping->to);

	happen(mapping);
	*first_mark(mapping) = MARK;
	return page_frame(mapping->to) != frame;
}

static bool migrates(struct mapping *mapping)
{
	return frame_changes(mapping, migrate);
}

static bool merges(struct mapping *mapping)
{
	/* The store separates again what KSM has merged. */
	return frame_changes(mapping, offer_to_ksm);
}

static bool swaps_out(struct mapping *mapping)
{
	empty_lists_of_new_pages();
	swap_out(mapping);
	return is_swapped_out(mapping->to);
}

static bool clears_soft_dirty(struct mapping *mapping)
{
	bool dirty = is_soft_dirty(mapping->to);

	clear_soft_dirty(mapping);
	return dirty && !is_soft_dirty(mapping->to);
}

static const struct effect {
	const char *name;
	bool (*takes_place)(struct mapping *mapping);
} effects[] = {
	{ "move-pages",	migrates },
	{ "soft-dirty",	clears_soft_dirty },
	{ "pageout",	swaps_out },
	{ "ksm",	merges },
};
#define NR_EFFECTS (sizeof(effects) / sizeof(effects[0]))

static void test_effect(const struct effect *effect)
{
	struct mapping mapping = memories[0].map();
	bool takes_place = effect->takes_place(&mapping);
	char name[64];

	unmap(&mapping);
	snprintf(name, sizeof(name), "effect-on-%s/%s", memories[0].name, effect->name);
	ktap_result(takes_place, name, "without a read");
}

static unsigned int events_of(const struct memory *memory)
{
	unsigned int number = 0;

	for (unsigned int e = 0; e < NR_EVENTS; e++)
		number += !(events[e].not_with & memory->traits);
	return number;
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_events MAPPED-FILE NAME=file:DISK:FILE...\n"
		TARGET_USAGE "MAPPED-FILE is made, as memory to read into.\n");
	return 2;
}

int main(int argc, char **argv)
{
	/* A page in the middle, which nothing but the test uses */
	char stack[3 * PAGE];
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_targets = argc - 2, nr_pairs = 0;

	if (argc == 2 && !strcmp(argv[1], EXEC_CHILD))
		return 0;
	if (!targets_open(argv + 2, argc - 2, targets))
		return usage();
	for (unsigned int t = 0; t < nr_targets; t++)
		if (targets[t].type != FILE_TARGET)
			return usage();
	mapped_file = argv[1];
	memory_set_up((char *)(((uintptr_t)stack + PAGE - 1) & -PAGE), mapped_file);
	for (unsigned int m = 0; m < nr_memories; m++)
		nr_pairs += events_of(&memories[m]) + 1;

	ktap_plan(NR_EFFECTS + nr_targets * nr_pairs);
	for (unsigned int e = 0; e < NR_EFFECTS; e++)
		test_effect(&effects[e]);
	for (unsigned int t = 0; t < nr_targets; t++) {
		for (unsigned int m = 0; m < nr_memories; m++) {
			test_pins(&targets[t], &memories[m]);
			for (unsigned int e = 0; e < NR_EVENTS; e++)
				if (!(events[e].not_with & memories[m].traits))
					test(&targets[t], &memories[m], &events[e]);
		}
	}
	return ktap_exit_status();
}
