// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ksm.h"
#include "ktap.h"
#include "memory.h"
#include "new_pages.h"
#include "pattern.h"

#define PAGE		4096UL
#define HUGE_SIZE	(2UL << 20)
#define READ_OFFSET	1024
#define SWAP_TRIES	100

static char *stack_page;
static const char *file_name;

void memory_set_up(char *page_of_stack, const char *file)
{
	stack_page = page_of_stack;
	file_name = file;
}

static char *map(size_t size, int flags, int fd)
{
	char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (start == MAP_FAILED)
		ktap_bail_out("mmap of %zu bytes with flags %#x", size, flags);
	return start;
}

/* A read of one sector into a page of the mapping */
static struct mapping sector_in(char *start, size_t size, size_t page)
{
	return (struct mapping){
		.start = start,
		.size = size,
		.to = start + page + READ_OFFSET,
		.read_size = SECTOR,
	};
}

static struct mapping map_page(int flags, int fd)
{
	return sector_in(map(PAGE, flags, fd), PAGE, 0);
}

static struct mapping map_untouched(void)
{
	return map_page(MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static struct mapping map_anonymous(void)
{
	struct mapping mapping = map_untouched();

	memset(mapping.start, 0, PAGE);
	return mapping;
}

static struct mapping map_zero_page(void)
{
	struct mapping mapping = map_untouched();

	(void)*(volatile char *)mapping.start;
	return mapping;
}

static struct mapping map_huge(bool is_thp, int flags)
{
	struct buffer_kind kind = {
		.name = "huge page", .size = HUGE_SIZE, .is_thp = is_thp, .mmap_flags = flags,
	};
	char *start = buffer_map(&kind);

	memset(start, 0, HUGE_SIZE);
	return sector_in(start, HUGE_SIZE, HUGE_SIZE / 2);
}

static struct mapping map_thp_by_pmd(void)
{
	return map_huge(true, 0);
}

/* Part of a PMD cannot be protected, so that the THP is mapped by PTEs. */
static struct mapping map_thp_by_pte(void)
{
	struct mapping mapping = map_huge(true, 0);

	if (mprotect(mapping.start, PAGE, PROT_READ) ||
	    mprotect(mapping.start, PAGE, PROT_READ | PROT_WRITE))
		ktap_bail_out("mprotect");
	if (!is_in_thp(mapping.to)) {
		errno = EINVAL;
		ktap_bail_out("the THP is gone");
	}
	return mapping;
}

/* The page in the middle of the read is no longer one of the THP. */
static struct mapping map_thp_with_copy(void)
{
	struct mapping mapping = map_huge(true, 0);
	char *copied = mapping.start + HUGE_SIZE / 2;
	struct child child = fork_child();

	*copied = 0;
	end_child(child);
	if (is_in_thp(copied) || !is_in_thp(copied - PAGE)) {
		errno = EINVAL;
		ktap_bail_out("not a THP with a page copied");
	}
	mapping.to = copied - SECTOR;
	mapping.read_size = SECTOR + PAGE + SECTOR;
	return mapping;
}

static struct mapping map_hugetlb(void)
{
	return map_huge(false, MAP_HUGETLB);
}

static struct mapping map_shared_hugetlb(void)
{
	char *start = map(HUGE_SIZE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	memset(start, 0, HUGE_SIZE);
	return sector_in(start, HUGE_SIZE, HUGE_SIZE / 2);
}

static struct mapping map_memfd(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	struct mapping mapping;

	if (fd < 0 || ftruncate(fd, PAGE))
		ktap_bail_out("memfd_create");
	mapping = map_page(MAP_SHARED, fd);
	close(fd);
	memset(mapping.start, 0, PAGE);
	return mapping;
}

static struct mapping map_file(int flags)
{
	int fd = open(file_name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct mapping mapping;

	if (fd < 0 || ftruncate(fd, PAGE))
		ktap_bail_out("open %s", file_name);
	mapping = map_page(flags, fd);
	close(fd);
	memset(mapping.start, 0, PAGE);
	return mapping;
}

static struct mapping map_shared_file(void)
{
	return map_file(MAP_SHARED);
}

static struct mapping map_private_file(void)
{
	return map_file(MAP_PRIVATE);
}

static struct mapping take_stack(void)
{
	memset(stack_page, 0, PAGE);
	return sector_in(stack_page, PAGE, 0);
}

static struct mapping map_merged(void)
{
	char *start = map(2 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memset(start, 0, 2 * PAGE);
	ksm_merge(start, 2 * PAGE);
	return sector_in(start, 2 * PAGE, PAGE);
}

static struct mapping map_locked(void)
{
	struct mapping mapping = map_anonymous();

	if (mlock(mapping.start, PAGE))
		ktap_bail_out("mlock");
	return mapping;
}

static struct mapping map_not_inherited(void)
{
	struct mapping mapping = map_anonymous();

	if (madvise(mapping.start, PAGE, MADV_DONTFORK))
		ktap_bail_out("madvise(MADV_DONTFORK)");
	return mapping;
}

static struct mapping map_swapped_out(void)
{
	struct mapping mapping = map_anonymous();

	empty_lists_of_new_pages();
	for (int tries = SWAP_TRIES; tries && !is_swapped_out(mapping.start); tries--)
		if (madvise(mapping.start, PAGE, MADV_PAGEOUT))
			ktap_bail_out("madvise(MADV_PAGEOUT)");
	if (!is_swapped_out(mapping.start)) {
		errno = EBUSY;
		ktap_bail_out("a page stays in memory");
	}
	return mapping;
}

const struct memory memories[] = {
	{ "anonymous",		0,			map_anonymous },
	{ "untouched",		0,			map_untouched },
	{ "zero-page",		0,			map_zero_page },
	{ "thp",		0,			map_thp_by_pmd },
	{ "thp-by-pte",		0,			map_thp_by_pte },
	{ "thp-with-copy",	0,			map_thp_with_copy },
	{ "hugetlb",		HUGETLB,		map_hugetlb },
	{ "shared-hugetlb",	HUGETLB | SHARED,	map_shared_hugetlb },
	{ "memfd",		SHARED,			map_memfd },
	{ "shared-file",	SHARED | ON_DISK,	map_shared_file },
	{ "private-file",	0,			map_private_file },
	{ "stack",		STACK,			take_stack },
	{ "ksm",		0,			map_merged },
	{ "locked",		LOCKED,			map_locked },
	{ "dontfork",		0,			map_not_inherited },
	{ "swapped-out",	0,			map_swapped_out },
};
const unsigned int nr_memories = sizeof(memories) / sizeof(memories[0]);
