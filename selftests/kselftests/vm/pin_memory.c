// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <linux/memfd.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../kselftest.h"
#include "pin_memory.h"
#include "pin_util.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define BYTE		0x11
#define SMALL_PAGES	4
#define THP_SIZE_FILE	"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
/* One for the test, one for a child, and two for copies */
#define HUGETLB_PAGES	4
/* Larger ones, as on arm64 with 64 KiB pages, take too long to look at. */
#define LARGEST		(64UL << 20)

static const char *directory;

void memory_files_in(const char *path)
{
	directory = path;
}

static size_t thp_size(void)
{
	long size = number_in_file(THP_SIZE_FILE, "");

	return size > 0 ? size : 0;
}

size_t hugetlb_size(void)
{
	long kib = number_in_file("/proc/meminfo", "Hugepagesize:");

	return kib > 0 ? kib << 10 : 0;
}

/* Those that nobody has mapped or reserved */
static long free_hugetlb_pages(void)
{
	return number_in_file("/proc/meminfo", "HugePages_Free:") -
	       number_in_file("/proc/meminfo", "HugePages_Rsvd:");
}

size_t mapped_by_pmd(const char *address)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long first, end, kib = 0;
	bool here = false;
	char line[512];

	if (!smaps)
		return 0;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			here = (unsigned long)address >= first &&
			       (unsigned long)address < end;
		else if (here && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
			break;
	}
	fclose(smaps);
	return kib << 10;
}

static char *map_or_end(size_t size, int flags, int fd)
{
	char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (start == MAP_FAILED)
		ksft_exit_fail_msg("mmap %zu bytes: %s\n", size, strerror(errno));
	return start;
}

/* Only reads, so that a page of a file or the zero page is mapped */
static void touch(const struct mapping *mapping)
{
	for (size_t i = 0; i < mapping->size; i += getpagesize())
		__atomic_load_n(mapping->start + i, __ATOMIC_RELAXED);
}

static void fill(struct mapping *mapping, int byte)
{
	memset(mapping->start, byte, mapping->size);
	mapping->byte = byte;
}

static void map_small(struct mapping *mapping)
{
	mapping->size = SMALL_PAGES * getpagesize();
	mapping->start = map_or_end(mapping->size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(mapping->start, mapping->size, MADV_NOHUGEPAGE);
}

static const char *map_anonymous(struct mapping *mapping)
{
	map_small(mapping);
	fill(mapping, BYTE);
	return NULL;
}

/*
 * A new page waits in a list of the CPU that faulted it in, from which it cannot be
 * reclaimed.  MADV_PAGEOUT empties the list of the CPU that it runs on.
 */
static const char *map_swapped_out(struct mapping *mapping)
{
	cpu_set_t before, this_cpu;
	int error;

	CPU_ZERO(&this_cpu);
	CPU_SET(sched_getcpu(), &this_cpu);
	if (sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(this_cpu), &this_cpu))
		return "cannot stay on one CPU";
	map_anonymous(mapping);
	error = madvise(mapping->start, mapping->size, MADV_PAGEOUT);
	sched_setaffinity(0, sizeof(before), &before);
	if (error)
		return "no MADV_PAGEOUT";
	for (size_t i = 0; i < mapping->size; i += getpagesize())
		if (!page_is_swapped_out(mapping->start + i))
			return "nothing is swapped out: needs swap space";
	return NULL;
}

static const char *reserve_thp(struct mapping *mapping)
{
	size_t size = thp_size();
	char *start, *aligned;

	if (!size)
		return "no THP: needs CONFIG_TRANSPARENT_HUGEPAGE";
	if (size > LARGEST)
		return "THP are too large";
	start = map_or_end(2 * size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	aligned = (char *)(((unsigned long)start + size - 1) & -size);
	if (aligned > start)
		munmap(start, aligned - start);
	munmap(aligned + size, start + size - aligned);
	mapping->start = aligned;
	mapping->size = size;
	if (madvise(aligned, size, MADV_HUGEPAGE))
		return "no THP: needs CONFIG_TRANSPARENT_HUGEPAGE";
	return NULL;
}

static const char *map_thp(struct mapping *mapping)
{
	const char *missing = reserve_thp(mapping);

	if (missing)
		return missing;
	fill(mapping, BYTE);
	if (!mapped_by_pmd(mapping->start))
		return "no THP: transparent_hugepage/enabled is never, or no memory is free";
	/* What the tests make of it is not for khugepaged to put together again. */
	if (madvise(mapping->start, mapping->size, MADV_NOHUGEPAGE))
		ksft_exit_fail_msg("madvise(MADV_NOHUGEPAGE): %s\n", strerror(errno));
	return NULL;
}

static const char *map_thp_by_pte(struct mapping *mapping)
{
	const char *missing = map_thp(mapping);
	char *page = mapping->start + getpagesize();

	if (missing)
		return missing;
	/* One page with a protection of its own needs a PTE. */
	if (mprotect(page, getpagesize(), PROT_READ) ||
	    mprotect(page, getpagesize(), PROT_READ | PROT_WRITE))
		ksft_exit_fail_msg("mprotect: %s\n", strerror(errno));
	if (mapped_by_pmd(mapping->start))
		ksft_exit_fail_msg("a THP is still mapped by a PMD\n");
	return NULL;
}

/* The second half of a THP; the first is still mapped elsewhere. */
static const char *map_thp_half_moved(struct mapping *mapping)
{
	const char *missing = map_thp(mapping);
	size_t half = mapping->size / 2;
	char *to;

	if (missing)
		return missing;
	to = map_or_end(half, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	mapping->rest = mapping->start;
	mapping->rest_size = half;
	mapping->start = mremap(mapping->start + half, half, half,
				MREMAP_MAYMOVE | MREMAP_FIXED, to);
	mapping->size = half;
	if (mapping->start == MAP_FAILED)
		ksft_exit_fail_msg("mremap: %s\n", strerror(errno));
	return NULL;
}

/* A THP of which one page is a copy, as a store after fork() leaves it */
static const char *map_thp_with_copy(struct mapping *mapping)
{
	const char *missing = map_thp(mapping);
	struct child child;

	if (missing)
		return missing;
	if (child_start(&child, mapping->start, mapping->size))
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	mapping->start[getpagesize()] = BYTE;
	child_end(&child);
	if (mapped_by_pmd(mapping->start))
		return "this kernel copies a whole THP";
	return NULL;
}

static const char *map_zero_page(struct mapping *mapping)
{
	map_small(mapping);
	touch(mapping);
	mapping->byte = 0;
	return NULL;
}

static const char *map_huge_zero_page(struct mapping *mapping)
{
	const char *missing = reserve_thp(mapping);

	if (missing)
		return missing;
	touch(mapping);
	mapping->byte = 0;
	if (!page_has_flag(mapping->start, KPF_ZERO_PAGE) ||
	    !page_has_flag(mapping->start, KPF_THP))
		return "no huge zero page, or only root can tell";
	return NULL;
}

/* Some file systems of networks cannot map what is shared. */
static const char *map_file(struct mapping *mapping, int fd, size_t size, int flags)
{
	char *all;

	if (ftruncate(fd, size))
		ksft_exit_fail_msg("ftruncate: %s\n", strerror(errno));
	/* hugetlbfs has no write() */
	all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (all == MAP_FAILED && (errno == ENODEV || errno == EINVAL)) {
		close(fd);
		return "no shared mappings of files on that file system";
	}
	if (all == MAP_FAILED)
		ksft_exit_fail_msg("mmap a file: %s\n", strerror(errno));
	memset(all, BYTE, size);
	munmap(all, size);
	mapping->start = map_or_end(size, flags, fd);
	mapping->size = size;
	mapping->byte = BYTE;
	touch(mapping);
	close(fd);
	return NULL;
}

static const char *map_memfd(struct mapping *mapping, int flags)
{
	int fd = syscall(__NR_memfd_create, "pinned", 0);

	if (fd < 0)
		return "no memfd_create(): needs CONFIG_SHMEM and CONFIG_MEMFD_CREATE";
	return map_file(mapping, fd, SMALL_PAGES * getpagesize(), flags);
}

static const char *map_memfd_private(struct mapping *mapping)
{
	return map_memfd(mapping, MAP_PRIVATE);
}

static const char *map_memfd_shared(struct mapping *mapping)
{
	return map_memfd(mapping, MAP_SHARED);
}

/* A file without a name in the directory */
static int open_file_in(const char *where)
{
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s/pin-XXXXXX", where);
	fd = mkstemp(name);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static const char *map_tmpfs_private(struct mapping *mapping)
{
	int fd = open_file_in("/dev/shm");

	if (fd < 0)
		return "cannot write to /dev/shm: needs a tmpfs there";
	return map_file(mapping, fd, SMALL_PAGES * getpagesize(), MAP_PRIVATE);
}

static const char *map_disk_file(struct mapping *mapping, int flags)
{
	const char *tmpdir = getenv("TMPDIR");
	int fd = open_file_in(directory ?: tmpdir ?: "/tmp");

	if (fd < 0)
		return "cannot write to the directory for files: name another one";
	return map_file(mapping, fd, SMALL_PAGES * getpagesize(), flags);
}

static const char *map_file_private(struct mapping *mapping)
{
	return map_disk_file(mapping, MAP_PRIVATE);
}

static const char *map_file_shared(struct mapping *mapping)
{
	return map_disk_file(mapping, MAP_SHARED);
}

static const char *hugetlb_missing(void)
{
	if (!hugetlb_size())
		return "no huge pages: needs CONFIG_HUGETLBFS";
	if (hugetlb_size() > LARGEST)
		return "huge pages are too large";
	if (free_hugetlb_pages() < HUGETLB_PAGES)
		return "needs 4 free huge pages: echo 4 >/proc/sys/vm/nr_hugepages";
	return NULL;
}

static const char *map_hugetlb(struct mapping *mapping, int flags)
{
	const char *missing = hugetlb_missing();

	if (missing)
		return missing;
	mapping->size = hugetlb_size();
	mapping->start = map_or_end(mapping->size, flags | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	fill(mapping, BYTE);
	return NULL;
}

static const char *map_hugetlb_private(struct mapping *mapping)
{
	return map_hugetlb(mapping, MAP_PRIVATE);
}

static const char *map_hugetlb_shared(struct mapping *mapping)
{
	return map_hugetlb(mapping, MAP_SHARED);
}

static const char *map_hugetlb_file_private(struct mapping *mapping)
{
	const char *missing = hugetlb_missing();
	int fd;

	if (missing)
		return missing;
	fd = syscall(__NR_memfd_create, "pinned", MFD_HUGETLB);
	if (fd < 0)
		return "no memfd_create() of huge pages";
	return map_file(mapping, fd, hugetlb_size(), MAP_PRIVATE);
}

const struct memory_kind memory_kinds[] = {
	{ "anonymous", 0, map_anonymous },
	{ "swapped-out", 0, map_swapped_out },
	{ "thp", 0, map_thp },
	{ "thp-by-pte", 0, map_thp_by_pte },
	{ "thp-half-moved", 0, map_thp_half_moved },
	{ "thp-with-copy", 0, map_thp_with_copy },
	{ "zero-page", MEMORY_NOT_ANONYMOUS, map_zero_page },
	{ "huge-zero-page", MEMORY_NOT_ANONYMOUS, map_huge_zero_page },
	{ "memfd-private", MEMORY_NOT_ANONYMOUS, map_memfd_private },
	{ "memfd-shared", MEMORY_NOT_ANONYMOUS | MEMORY_SHARED, map_memfd_shared },
	{ "tmpfs-private", MEMORY_NOT_ANONYMOUS, map_tmpfs_private },
	{ "file-private", MEMORY_NOT_ANONYMOUS, map_file_private },
	{ "file-shared", MEMORY_NOT_ANONYMOUS | MEMORY_SHARED, map_file_shared },
	{ "hugetlb-private", 0, map_hugetlb_private },
	{ "hugetlb-shared", MEMORY_NOT_ANONYMOUS | MEMORY_SHARED, map_hugetlb_shared },
	{ "hugetlb-file-private", MEMORY_NOT_ANONYMOUS, map_hugetlb_file_private },
};

const unsigned int nr_memory_kinds = ARRAY_SIZE(memory_kinds);

const struct memory_kind *memory_kind(const char *name)
{
	for (unsigned int i = 0; i < nr_memory_kinds; i++)
		if (!strcmp(memory_kinds[i].name, name))
			return &memory_kinds[i];
	ksft_exit_fail_msg("no memory kind %s\n", name);
	return NULL;
}

void memory_unmap(struct mapping *mapping)
{
	if (mapping->start)
		munmap(mapping->start, mapping->size);
	if (mapping->rest)
		munmap(mapping->rest, mapping->rest_size);
	*mapping = (struct mapping){ 0 };
}
