/* SPDX-License-Identifier: GPL-2.0 */
/* Memory to read into, of each kind that fork() treats in its own way. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer_kind {
	const char *name;
	size_t size;
	int mmap_flags;
	bool is_thp;
	bool is_scattered;	/* small pages, of which not all have the next frame */
	bool shared_before;	/* an earlier child shares it when the read starts */
};

extern const struct buffer_kind buffer_kinds[];
extern const unsigned int nr_buffer_kinds;

/* How many hugetlb pages of 2 MiB the pool has free */
long free_huge_pages(void);

/* The page frame that the process maps there */
unsigned long long page_frame(const char *address);

/* Whether swap has what the process mapped there */
bool is_swapped_out(const char *address);

/* Whether it has been written to since soft-dirty was cleared */
bool is_soft_dirty(const char *address);

/* Whether the page there is part of a THP, however that is mapped */
bool is_in_thp(const char *address);

/* Reserves addresses for a mapping that has to be aligned to its size. */
char *reserve_aligned(size_t size);

/* Maps a buffer and touches all of it; it is what its kind says, or bail out. */
char *buffer_map(const struct buffer_kind *kind);
void buffer_unmap(const struct buffer_kind *kind, char *buffer);

#endif
