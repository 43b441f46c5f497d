// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"

#define KIB 1024UL
#define MIB (1024 * KIB)
#define HUGE_SIZE (2 * MIB)

/* Documentation/admin-guide/mm/pagemap.rst */
#define KPF_THP 22
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_SOFT_DIRTY (1ULL << 55)

const struct buffer_kind buffer_kinds[] = {
	{ .name = "4k",		.size = 4 * KIB },
	{ .name = "thp",	.size = HUGE_SIZE, .is_thp = true },
	{ .name = "hugetlb",	.size = HUGE_SIZE, .mmap_flags = MAP_HUGETLB },
	{ .name = "shared-4k",	.size = 4 * KIB, .shared_before = true },
};
const unsigned int nr_buffer_kinds =
	sizeof(buffer_kinds) / sizeof(buffer_kinds[0]);

static uint64_t read_entry(const char *file, uint64_t index)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0)
		ktap_bail_out("open %s", file);
	if (pread(fd, &entry, sizeof(entry), index * sizeof(entry)) != sizeof(entry))
		ktap_bail_out("read %s", file);
	close(fd);
	return entry;
}

static uint64_t pagemap(const char *address)
{
	return read_entry("/proc/self/pagemap", (uintptr_t)address / getpagesize());
}

bool is_swapped_out(const char *address)
{
	return pagemap(address) & PAGEMAP_SWAPPED;
}

bool is_soft_dirty(const char *address)
{
	return pagemap(address) & PAGEMAP_SOFT_DIRTY;
}

unsigned long long page_frame(const char *address)
{
	uint64_t mapped = pagemap(address);
	unsigned long long frame = mapped & ((1ULL << 55) - 1);

	if (!(mapped & PAGEMAP_PRESENT) || !frame) {
		errno = EFAULT;
		ktap_bail_out("no page frame at %p, or no right to see it",
			      (const void *)address);
	}
	return frame;
}

long free_huge_pages(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
			   "re");
	long pages;

	if (!file || fscanf(file, "%ld", &pages) != 1)
		ktap_bail_out("free_hugepages");
	fclose(file);
	return pages;
}

bool is_in_thp(const char *address)
{
	return read_entry("/proc/kpageflags", page_frame(address)) &
	       (1ULL << KPF_THP);
}

char *reserve_aligned(size_t size)
{
	char *all = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t head;

	if (all == MAP_FAILED)
		ktap_bail_out("mmap of %zu bytes", 2 * size);
	head = -(uintptr_t)all % size;
	if (head)
		munmap(all, head);
	munmap(all + head + size, size - head);
	return all + head;
}

static char *map(char *where, size_t size, int flags)
{
	char *buffer = mmap(where, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (buffer == MAP_FAILED)
		ktap_bail_out("mmap of %zu bytes with flags %#x", size, flags);
	return buffer;
}

static void move_page(char *from, char *to)
{
	size_t page = getpagesize();

	if (mremap(from, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		ktap_bail_out("mremap");
}

static void exchange_pages(char *one, char *other)
{
	char *spare = map(NULL, getpagesize(), 0);

	move_page(one, spare);
	move_page(other, one);
	move_page(spare, other);
}

/* Pages that are new mostly follow each other.  These two are in each other's place. */
static void scatter(char *buffer)
{
	char *one = buffer + 2 * getpagesize(), *other = buffer + 9 * getpagesize();

	exchange_pages(one, other);
	if (page_frame(one) == page_frame(one - getpagesize()) + 1 &&
	    page_frame(other) == page_frame(other - getpagesize()) + 1) {
		errno = EINVAL;
		ktap_bail_out("pages follow each other after one was exchanged");
	}
}

char *buffer_map(const struct buffer_kind *kind)
{
	char *buffer = kind->is_thp ?
		map(reserve_aligned(kind->size), kind->size, MAP_FIXED) :
		map(NULL, kind->size, kind->mmap_flags);

	if (kind->is_thp && madvise(buffer, kind->size, MADV_HUGEPAGE))
		ktap_bail_out("madvise(MADV_HUGEPAGE)");
	for (size_t at = 0; at < kind->size; at += getpagesize())
		buffer[at] = 1;
	if (kind->is_thp && !is_in_thp(buffer)) {
		errno = ENOMEM;
		ktap_bail_out("no THP at %p", (void *)buffer);
	}
	if (kind->is_scattered)
		scatter(buffer);
	/* What the tests make of it is not for khugepaged to put together again. */
	if (kind->is_thp && madvise(buffer, kind->size, MADV_NOHUGEPAGE))
		ktap_bail_out("madvise(MADV_NOHUGEPAGE)");
	return buffer;
}

void buffer_unmap(const struct buffer_kind *kind, char *buffer)
{
	if (munmap(buffer, kind->size))
		ktap_bail_out("munmap of %s", kind->name);
}
