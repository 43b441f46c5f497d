/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of each kind that is pinned or shared in a way of its own */
#ifndef PIN_MEMORY_H
#define PIN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MEMORY_SHARED = 1 << 0,		/* stores are seen by all who map it */
	MEMORY_NOT_ANONYMOUS = 1 << 1,	/* pages of a file, or zeros, until it is stored to */
};

struct mapping {
	char *start;
	size_t size;
	int byte;		/* that all of it holds */
	char *rest;		/* of a THP that is in two places */
	size_t rest_size;
};

struct memory_kind {
	const char *name;
	unsigned int traits;
	/* What is missing for it, or NULL if it is there, touched, and what it says */
	const char *(*map)(struct mapping *mapping);
};

extern const struct memory_kind memory_kinds[];
extern const unsigned int nr_memory_kinds;

const struct memory_kind *memory_kind(const char *name);

/* Where the kinds that are mapped from a file have it; $TMPDIR or /tmp otherwise */
void memory_files_in(const char *directory);

void memory_unmap(struct mapping *mapping);

/* 0 if there are none */
size_t hugetlb_size(void);

/* How much of the mapping at that address is mapped as THP by PMDs */
size_t mapped_by_pmd(const char *address);

#endif
