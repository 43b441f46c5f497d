/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of which it is known how it lies in page frames, and in folios */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

#define PAGE_SIZE	4096UL
#define HUGE_SIZE	(2UL << 20)

struct memory {
	const char *name;
	/* Of a multiple of HUGE_SIZE, touched.  It is what its name says, or bail out. */
	char *(*map)(size_t size);
};

extern const struct memory memories[];
extern const unsigned int nr_memories;

#endif
