/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Has all been given back that an I/O took of its buffer?  Four witnesses:
 * - the pin counters of /proc/vmstat: at rest as many were released as acquired;
 * - a child forked afterwards: it shares the buffer, so nothing in it passes for
 *   pinned, neither by a pin that was kept nor by 1024 references;
 * - a store after that child is gone: it reuses each small page and THP in place,
 *   so nobody else holds a reference;
 * - the pool of hugetlb pages after munmap(): not one reference is left.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "pins.h"

struct witness {
	struct pins before;
	long huge_pages_before;
	long pins;		/* that were taken */
	long pins_kept;
	int copied_by_fork;	/* pages; here and below, of up to 16 looked at */
	int copied_by_store;
	long huge_pages_lost;
};

/* Before the buffer is mapped; after the I/O; without a child; after munmap() */
void witness_begin(struct witness *witness);
void witness_io_done(struct witness *witness, const char *buffer, size_t size);
void witness_store(struct witness *witness, char *buffer, size_t size);
void witness_end(struct witness *witness);

/* How many pages of the buffer a child gets as a copy instead of shared */
int pages_copied_by_fork(const char *buffer, size_t size);

bool all_was_given_back(const struct witness *witness);

/* What they say, for printf() */
#define WITNESS_FORMAT							\
	"pins kept %ld, pages copied by fork %d, by a store %d, huge pages lost %ld"
#define WITNESS_ARGUMENTS(witness)					\
	(witness).pins_kept, (witness).copied_by_fork,			\
	(witness).copied_by_store, (witness).huge_pages_lost

#endif
