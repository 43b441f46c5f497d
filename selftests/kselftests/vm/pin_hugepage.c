// SPDX-License-Identifier: GPL-2.0
/*
 * What holds for a huge page of which something is pinned: a THP, however it is
 * mapped, and hugetlb pages.
 *
 * Each page of a huge page counts for itself, so that n pinned pages are n pins, and
 * may be released in another split than they were taken: GUP-fast takes those of a
 * PMD at once, the other way page by page; gup_test releases a run of pages at once,
 * and io_uring page by page.
 *
 * As long as one pin is left, a huge page is not split, not migrated, not shared by
 * fork(), and not given back by MADV_DONTNEED or munmap(), nor are small pages made a
 * huge one.  When none is left, all of that is possible again: so each test does it
 * both with the pin and without.
 */
#define _GNU_SOURCE
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../kselftest.h"
#include "pin_memory.h"
#include "pin_util.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif
#define MOVE_PAGES	2	/* MPOL_MF_MOVE, for libcs without <numaif.h> */
#define OLD_BYTE	0x44
#define NEW_BYTE	0x55
/* Of a larger page only this much is looked at, and the parts are parts of that. */
#define LOOKED_AT	(8UL << 20)
/* To take more of a pool would take minutes, and others may need it. */
#define MOST_TAKEN	(2UL << 30)

enum sort {
	THP = 1,
	HUGETLB = 2,
	SMALL_PAGES = 4,	/* that could be a THP */
};

struct huge_kind {
	const char *name;
	enum sort sort;
	size_t pool_size;	/* of the pages of its pool; 0 for the default */
	unsigned int parts;	/* how many of them are pinned in turn */
};

static const struct huge_kind kinds[] = {
	{ "thp", THP, 0, 5 },
	{ "thp-by-pte", THP, 0, 5 },
	{ "small-pages", SMALL_PAGES, 0, 5 },
	{ "hugetlb", HUGETLB, 0, 5 },
	/* To clear such a page takes a second where memory is slow. */
	{ "hugetlb-1GiB", HUGETLB, 1UL << 30, 2 },
};

/* In pages, of a huge page that has so many */
struct part {
	size_t first, number;
};

static struct part whole(size_t pages)
{
	return (struct part){ 0, pages };
}

static struct part head(size_t pages)
{
	(void)pages;
	return (struct part){ 0, 1 };
}

static struct part tail(size_t pages)
{
	return (struct part){ pages / 2 + 1, 1 };
}

static struct part last(size_t pages)
{
	return (struct part){ pages - 1, 1 };
}

static struct part middle(size_t pages)
{
	return (struct part){ pages / 4, pages / 2 };
}

static const struct {
	const char *name;
	struct part (*of)(size_t pages);
} parts[] = {
	{ "whole", whole },
	{ "tail", tail },
	{ "head", head },
	{ "last", last },
	{ "middle", middle },
};

struct scene {
	const struct huge_kind *kind;
	const struct pin_way *way;
	struct mapping mapping;
	size_t looked_at;	/* so much of it, from the beginning on */
	char *start;		/* of what is pinned */
	size_t size;
	struct pin pin;
};

/* What became of a test: good, or why it is not; or what is missing for it */
struct result {
	bool good;
	const char *missing;
	const char *why;
};

#define GOOD		((struct result){ .good = true })
#define BAD(text)	((struct result){ .why = (text) })
#define MISSING(text)	((struct result){ .missing = (text) })

static size_t pool_size(const struct scene *scene)
{
	return scene->kind->pool_size ?: hugetlb_size();
}

/* How many huge pages the file of this name counts, or -1 */
static long pool_number(const struct scene *scene, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
		 pool_size(scene) >> 10, name);
	return number_in_file(path, "");
}

static long pool_free(const struct scene *scene)
{
	return pool_number(scene, "free_hugepages");
}

/* Whether more pages than the pool has may come, for a while */
static const char *fixed_pool_missing(const struct scene *scene)
{
	if (scene->kind->sort == HUGETLB &&
	    (pool_number(scene, "nr_overcommit_hugepages") > 0 ||
	     pool_number(scene, "surplus_hugepages") > 0))
		return "needs nr_overcommit_hugepages to be 0, and no surplus huge pages";
	return NULL;
}

/* Huge pages that are free on a node, or -1 */
static long node_free(const struct scene *scene, int node)
{
	char path[128];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/hugepages-%zukB/free_hugepages",
		 node, pool_size(scene) >> 10);
	return number_in_file(path, "");
}

static void take_pin(struct scene *scene)
{
	int error = pin_take(&scene->pin, scene->way, scene->start, scene->size);

	if (error)
		ksft_exit_fail_msg("pin: %s\n", strerror(-error));
}

static bool pin_sees(struct scene *scene, int byte)
{
	char *copy = malloc(scene->size);
	bool sees;

	if (!copy)
		ksft_exit_fail_msg("no memory for what a pin sees\n");
	pin_read(&scene->pin, copy);
	sees = look_at(copy, scene->size).byte == byte;
	free(copy);
	return sees;
}

/* The child that fork() makes now has none of the process's pages, or all of them. */
static struct result forks(struct scene *scene, bool copies)
{
	struct view parent, child_view;
	struct child child;
	struct result result = GOOD;
	int error;

	error = child_start(&child, scene->mapping.start, scene->looked_at);
	if (error)
		return BAD(error == -ENOMEM ? "fork: no memory" : "fork failed");
	child_view = child_look(&child);
	parent = look_at(scene->mapping.start, scene->looked_at);
	if (copies && !no_common_frame(&parent, &child_view))
		result = BAD("fork() shares a page that is pinned");
	else if (!copies && !same_frames(&parent, &child_view))
		result = BAD("fork() copies a page that is not pinned");
	else if (child_view.byte != OLD_BYTE)
		result = BAD("the child sees other data");
	child_end(&child);
	return result;
}

static const char *fork_missing(const struct scene *scene)
{
	if (!frames_are_visible())
		return "only root can see page frames";
	if (scene->kind->sort == HUGETLB &&
	    pool_free(scene) - pool_number(scene, "resv_hugepages") < 1)
		return "needs a free huge page for the child";
	return NULL;
}

/* After 6.1, io_uring may keep one pin of a large folio and release the others at once. */
static bool may_keep_fewer(const struct scene *scene)
{
	return !strcmp(scene->way->name, "io_uring-buffer") && kernel_is_at_least(6, 2);
}

static struct result bad_count(const char *what, long number, long expected)
{
	static char text[64];

	snprintf(text, sizeof(text), "%ld pins are %s, expected %ld", number, what, expected);
	return BAD(text);
}

static struct result test_counts(struct scene *scene)
{
	long pages = scene->size / getpagesize(), held;
	struct pin_counters before, pinned, after;

	/* The first may have to migrate what must not be pinned for long, and pins twice. */
	take_pin(scene);
	pin_release(&scene->pin);
	if (!pin_counters_read(&before))
		return MISSING("only root can count pins");
	take_pin(scene);
	pin_counters_read(&pinned);
	pin_release(&scene->pin);
	pin_counters_read(&after);
	held = pinned.acquired - before.acquired - (pinned.released - before.released);
	if (held != pages && !(held > 0 && may_keep_fewer(scene)))
		return bad_count("held", held, pages);
	if (after.acquired - before.acquired != pages)
		return bad_count("taken", after.acquired - before.acquired, pages);
	if (after.released - before.released != pages)
		return bad_count("released", after.released - before.released, pages);
	return GOOD;
}

/* The second is of a part, the first of all; and the first is released first. */
static struct result test_pinned_twice(struct scene *scene)
{
	const char *missing = fork_missing(scene);
	struct result result;
	struct pin first;
	int error;

	if (missing)
		return MISSING(missing);
	error = pin_take(&first, scene->way, scene->mapping.start, scene->looked_at);
	if (error)
		ksft_exit_fail_msg("pin: %s\n", strerror(-error));
	error = pin_take(&scene->pin, scene->way, scene->start, scene->size);
	pin_release(&first);
	if (error == -EINVAL)
		return MISSING("gup_test of this kernel holds one pin at a time");
	if (error)
		return BAD("a second pin is refused");
	result = forks(scene, true);
	pin_release(&scene->pin);
	return result.good ? forks(scene, false) : result;
}

static struct result test_fork(struct scene *scene)
{
	const char *missing = fork_missing(scene);
	struct result result;
	struct child child;

	if (missing)
		return MISSING(missing);
	take_pin(scene);
	result = forks(scene, true);
	if (result.good && child_start(&child, scene->mapping.start, scene->looked_at)) {
		result = BAD("a second fork() failed");
	} else if (result.good) {
		memset(scene->mapping.start, NEW_BYTE, scene->looked_at);
		if (child_look(&child).byte != OLD_BYTE)
			result = BAD("the child sees what its parent stores");
		else if (!pin_sees(scene, NEW_BYTE))
			result = BAD("the pin does not see what the process stores");
		child_end(&child);
	}
	pin_release(&scene->pin);
	memset(scene->mapping.start, OLD_BYTE, scene->looked_at);
	return result.good ? forks(scene, false) : result;
}

static char *map_hugetlb_pages(const struct scene *scene, size_t size)
{
	int log = __builtin_ctzl(pool_size(scene));

	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_HUGETLB | log << MAP_HUGE_SHIFT, -1, 0);
}

/*
 * Takes all free pages of the pool, without a change to the pool: it may not be
 * possible to allocate them again.  A child does not share them.  NULL if some are
 * reserved for others.
 */
static char *take_all(const struct scene *scene, size_t *size)
{
	char *start;

	*size = pool_free(scene) * pool_size(scene);
	start = map_hugetlb_pages(scene, *size);
	if (start == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < *size; i += pool_size(scene))
		start[i] = 1;
	madvise(start, *size, MADV_DONTFORK);
	return start;
}

/*
 * The child's copy of a pinned hugetlb page has to come from the pool.  If there is
 * none, fork() can only fail: to share the page would lose what the device writes.  It
 * fails with ENOMEM, and nothing changes.
 */
static struct result test_fork_with_empty_pool(struct scene *scene)
{
	const char *missing = fork_missing(scene) ?: fixed_pool_missing(scene);
	struct result result;
	struct child child;
	char *others;
	size_t size;
	int error;

	if (missing)
		return MISSING(missing);
	if (pool_free(scene) > (long)(MOST_TAKEN / pool_size(scene)))
		return MISSING("too many free huge pages to take them all");
	others = take_all(scene, &size);
	if (!others)
		return MISSING("needs huge pages that nobody has reserved");
	take_pin(scene);
	error = child_start(&child, scene->mapping.start, scene->looked_at);
	if (!error)
		child_end(&child);
	munmap(others, size);
	if (!error)
		result = BAD("fork() does not fail");
	else if (error != -ENOMEM)
		result = BAD("fork() fails, but not with ENOMEM");
	else if (look_at(scene->mapping.start, scene->looked_at).byte != OLD_BYTE ||
		 !pin_sees(scene, OLD_BYTE))
		result = BAD("a fork() that failed has changed the data");
	else
		result = forks(scene, true);
	pin_release(&scene->pin);
	return result.good ? forks(scene, false) : result;
}

static bool is_thp(const struct scene *scene)
{
	return page_has_flag(scene->start, KPF_THP);
}

static bool ask_to_split(const struct scene *scene)
{
	unsigned long start = (unsigned long)scene->mapping.start;
	char text[96];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), start,
		 start + scene->mapping.size);
	return write_file("/sys/kernel/debug/split_huge_pages", text);
}

static struct result test_split(struct scene *scene)
{
	struct result result = GOOD;

	if (!frames_are_visible())
		return MISSING("only root can see a page's flags");
	if (!is_thp(scene))
		return BAD("a THP does not look like one");
	take_pin(scene);
	if (!ask_to_split(scene))
		result = MISSING("no split_huge_pages in debugfs");
	else if (!is_thp(scene))
		result = BAD("a THP was split that is pinned");
	pin_release(&scene->pin);
	if (!result.good)
		return result;
	ask_to_split(scene);
	return is_thp(scene) ? BAD("a THP is not split that is not pinned") : GOOD;
}

/* The node of a page, or a negative errno; with a node to move it to, if not -1 */
static int node_of(char *page, int move_to)
{
	void *pages[] = { page };
	int status = -EIO;

	if (syscall(__NR_move_pages, 0, 1, pages, move_to < 0 ? NULL : &move_to,
		    &status, move_to < 0 ? 0 : MOVE_PAGES) < 0)
		return -errno;
	return status;
}

static struct result test_migration(struct scene *scene)
{
	struct result result = GOOD;
	int from, to;

	if (number_in_file("/sys/devices/system/node/has_memory", "0-") < 1)
		return MISSING("needs two nodes with memory");
	from = node_of(scene->mapping.start, -1);
	if (from < 0)
		return BAD("move_pages() does not tell the node");
	to = !from;
	if (scene->kind->sort == HUGETLB && node_free(scene, to) < 1)
		return MISSING("needs a free huge page on the other node");
	take_pin(scene);
	node_of(scene->mapping.start, to);
	if (node_of(scene->mapping.start, -1) != from)
		result = BAD("a huge page was migrated that is pinned");
	else if (!pin_sees(scene, OLD_BYTE))
		result = BAD("the pin sees other data");
	pin_release(&scene->pin);
	if (!result.good)
		return result;
	node_of(scene->mapping.start, to);
	if (node_of(scene->mapping.start, -1) != to)
		return BAD("a huge page is not migrated that is not pinned");
	return GOOD;
}

/* After something that ends the mapping: only the pin has the page still. */
static struct result only_the_pin_has_it(struct scene *scene, long free_before)
{
	bool hugetlb = scene->kind->sort == HUGETLB;
	struct result result = GOOD;

	if (hugetlb && pool_free(scene) != free_before)
		result = BAD("a huge page is free that is pinned");
	else if (!pin_sees(scene, OLD_BYTE))
		result = BAD("the pin sees other data");
	pin_release(&scene->pin);
	if (result.good && hugetlb && pool_free(scene) != free_before + 1)
		result = BAD("a huge page is not free that is not pinned");
	return result;
}

static struct result test_dontneed(struct scene *scene)
{
	const char *missing = fixed_pool_missing(scene);
	long free_before = pool_free(scene);
	struct result result;

	if (missing)
		return MISSING(missing);
	take_pin(scene);
	if (madvise(scene->mapping.start, scene->mapping.size, MADV_DONTNEED)) {
		pin_release(&scene->pin);
		return kernel_is_at_least(5, 18) ? BAD("MADV_DONTNEED fails") :
			MISSING("no MADV_DONTNEED for hugetlb, as before 5.18");
	}
	result = only_the_pin_has_it(scene, free_before);
	if (result.good && look_at(scene->mapping.start, scene->looked_at).byte)
		result = BAD("the process sees the page that it gave back");
	return result;
}

static struct result test_munmap(struct scene *scene)
{
	const char *missing = fixed_pool_missing(scene);
	long free_before = pool_free(scene);

	if (missing)
		return MISSING(missing);
	take_pin(scene);
	memory_unmap(&scene->mapping);
	return only_the_pin_has_it(scene, free_before);
}

static struct result test_collapse(struct scene *scene)
{
	char *start = scene->mapping.start;
	size_t size = scene->mapping.size;
	struct result result = GOOD;

	take_pin(scene);
	/* Not before, or khugepaged may do it. */
	madvise(start, size, MADV_HUGEPAGE);
	if (!madvise(start, size, MADV_COLLAPSE))
		result = BAD("small pages were collapsed that are pinned");
	else if (errno == EINVAL && !kernel_is_at_least(6, 1))
		result = MISSING("no MADV_COLLAPSE, as before 6.1");
	else if (!pin_sees(scene, OLD_BYTE))
		result = BAD("the pin sees other data");
	pin_release(&scene->pin);
	if (!result.good)
		return result;
	if (madvise(start, size, MADV_COLLAPSE) || !mapped_by_pmd(start))
		return BAD("small pages are not collapsed that are not pinned");
	return look_at(start, size).byte == OLD_BYTE ? GOOD : BAD("collapsed to other data");
}

static const struct {
	const char *name;
	unsigned int sorts;
	struct result (*run)(struct scene *scene);
} tests[] = {
	{ "counts", THP | HUGETLB, test_counts },
	{ "pinned-twice", THP | HUGETLB, test_pinned_twice },
	{ "fork", THP | HUGETLB, test_fork },
	{ "fork-with-empty-pool", HUGETLB, test_fork_with_empty_pool },
	{ "split", THP, test_split },
	{ "migration", THP | HUGETLB, test_migration },
	{ "MADV_DONTNEED", THP | HUGETLB, test_dontneed },
	{ "munmap", THP | HUGETLB, test_munmap },
	{ "collapse", SMALL_PAGES, test_collapse },
};

static const char *map_hugetlb(struct scene *scene)
{
	if (!hugetlb_size())
		return "no huge pages: needs CONFIG_HUGETLBFS";
	if (pool_free(scene) < 0)
		return "this machine has no huge pages of that size";
	if (pool_free(scene) < 1)
		return "no huge page of that size is free: see /sys/kernel/mm/hugepages";
	scene->mapping.size = pool_size(scene);
	scene->mapping.start = map_hugetlb_pages(scene, scene->mapping.size);
	if (scene->mapping.start != MAP_FAILED)
		return NULL;
	scene->mapping.start = NULL;
	return "needs a huge page that nobody has reserved";
}

static const char *map_small_pages(struct scene *scene)
{
	/* Aligned as a THP is, and then without one */
	const char *missing = memory_kind("thp")->map(&scene->mapping);

	if (missing)
		return missing;
	madvise(scene->mapping.start, scene->mapping.size, MADV_DONTNEED);
	memset(scene->mapping.start, OLD_BYTE, scene->mapping.size);
	return NULL;
}

static const char *map(struct scene *scene)
{
	if (scene->kind->sort == HUGETLB)
		return map_hugetlb(scene);
	if (scene->kind->sort == SMALL_PAGES)
		return map_small_pages(scene);
	return memory_kind(scene->kind->name)->map(&scene->mapping);
}

static struct result map_and_run(struct scene *scene, size_t part, size_t test)
{
	const char *missing = pin_way_missing(scene->way);
	struct part pinned;

	if (!missing)
		missing = map(scene);
	/* One test takes two pins. */
	if (!missing)
		missing = memlock_missing(scene->way, 2 * scene->mapping.size);
	if (missing)
		return MISSING(missing);
	scene->looked_at = scene->mapping.size < LOOKED_AT ? scene->mapping.size : LOOKED_AT;
	memset(scene->mapping.start, OLD_BYTE, scene->looked_at);
	pinned = parts[part].of(scene->looked_at / getpagesize());
	scene->start = scene->mapping.start + pinned.first * getpagesize();
	scene->size = pinned.number * getpagesize();
	return tests[test].run(scene);
}

static void run(struct scene *scene, size_t part, size_t test)
{
	struct result result = map_and_run(scene, part, test);

	memory_unmap(&scene->mapping);
	if (result.missing)
		ksft_test_result_skip("%s/%s/%s/%s: %s\n", scene->kind->name,
				      parts[part].name, scene->way->name,
				      tests[test].name, result.missing);
	else
		ksft_test_result(result.good, "%s/%s/%s/%s%s%s\n", scene->kind->name,
				 parts[part].name, scene->way->name, tests[test].name,
				 result.good ? "" : ": ", result.good ? "" : result.why);
}

static unsigned int number_of_tests(void)
{
	unsigned int number = 0, held_ways = 0;

	for (unsigned int way = 0; way < nr_pin_ways; way++)
		held_ways += pin_ways[way].held;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (size_t test = 0; test < ARRAY_SIZE(tests); test++)
			if (tests[test].sorts & kinds[kind].sort)
				number += kinds[kind].parts * held_ways;
	return number;
}

static void run_all_on(const struct huge_kind *kind, size_t part, const struct pin_way *way)
{
	for (size_t test = 0; test < ARRAY_SIZE(tests); test++)
		if (tests[test].sorts & kind->sort)
			run(&(struct scene){ .kind = kind, .way = way }, part, test);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: pin_hugepage\n");
		return KSFT_FAIL;
	}
	ksft_print_header();
	ksft_set_plan(number_of_tests());
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		for (size_t part = 0; part < kinds[kind].parts; part++)
			for (unsigned int way = 0; way < nr_pin_ways; way++)
				if (pin_ways[way].held)
					run_all_on(&kinds[kind], part, &pin_ways[way]);
	ksft_finished();
}
