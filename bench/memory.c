// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "memory.h"

/* How many pages lie behind the page before them */
static size_t neighbours(const char *memory, size_t size)
{
	unsigned long long before = page_frame(memory);
	size_t number = 0;

	for (size_t at = PAGE_SIZE; at < size; at += PAGE_SIZE) {
		unsigned long long frame = page_frame(memory + at);

		number += frame == before + 1;
		before = frame;
	}
	return number;
}

static void expect(bool as_expected, const char *what)
{
	errno = EINVAL;
	if (!as_expected)
		ktap_bail_out("%s", what);
}

static char *map(char *where, size_t size, int flags)
{
	char *memory = mmap(where, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (memory == MAP_FAILED)
		ktap_bail_out("mmap of %zu bytes with flags %#x", size, flags);
	return memory;
}

static char *map_aligned(size_t size, int advice)
{
	char *memory = map(reserve_aligned(size), size, MAP_FIXED);

	if (madvise(memory, size, advice))
		ktap_bail_out("madvise(%d)", advice);
	return memory;
}

static void touch(char *memory, size_t size, size_t from, size_t step)
{
	for (size_t at = from; at < size; at += step)
		memory[at] = 1;
}

static char *map_scattered(size_t size)
{
	char *memory = map_aligned(size, MADV_NOHUGEPAGE);

	touch(memory, size, 0, 2 * PAGE_SIZE);
	touch(memory, size, PAGE_SIZE, 2 * PAGE_SIZE);
	expect(neighbours(memory, size) < size / PAGE_SIZE / 64, "memory is not scattered");
	return memory;
}

static char *map_thp(size_t size)
{
	char *memory = map_aligned(size, MADV_HUGEPAGE);

	touch(memory, size, 0, PAGE_SIZE);
	for (size_t at = 0; at < size; at += HUGE_SIZE)
		expect(is_in_thp(memory + at), "memory is not in THPs");
	return memory;
}

/* Small pages that have been a huge page */
static char *map_contiguous(size_t size)
{
	char *memory = map_thp(size);
	FILE *split = fopen("/sys/kernel/debug/split_huge_pages", "w");

	if (!split || fprintf(split, "%d,%p,%p", getpid(), memory, memory + size) < 0 ||
	    fclose(split))
		ktap_bail_out("split_huge_pages");
	expect(!is_in_thp(memory), "a THP is not split");
	expect(neighbours(memory, size) >= (size / HUGE_SIZE) * (HUGE_SIZE / PAGE_SIZE - 1),
	       "memory is not contiguous");
	return memory;
}

/* Part of a PMD cannot be protected. */
static char *map_thp_by_pte(size_t size)
{
	char *memory = map_thp(size);

	for (size_t at = 0; at < size; at += HUGE_SIZE)
		if (mprotect(memory + at, PAGE_SIZE, PROT_READ) ||
		    mprotect(memory + at, PAGE_SIZE, PROT_READ | PROT_WRITE))
			ktap_bail_out("mprotect");
	/* The entries of the pages that were protected are read-only still. */
	touch(memory, size, 0, PAGE_SIZE);
	expect(is_in_thp(memory + PAGE_SIZE), "a THP is gone");
	return memory;
}

static char *map_hugetlb(size_t size)
{
	char *memory = map(NULL, size, MAP_HUGETLB);

	touch(memory, size, 0, HUGE_SIZE);
	return memory;
}

const struct memory memories[] = {
	{ "scattered",	map_scattered },
	{ "contiguous",	map_contiguous },
	{ "thp",	map_thp },
	{ "thp-by-pte",	map_thp_by_pte },
	{ "hugetlb",	map_hugetlb },
};
const unsigned int nr_memories = sizeof(memories) / sizeof(memories[0]);
