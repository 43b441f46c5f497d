/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of each kind that a direct read may go into */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* What cannot be done with a kind of memory, or comes out differently */
enum {
	SHARED = 1 << 0,	/* survives its mapping, and is not copied */
	HUGETLB = 1 << 1,
	LOCKED = 1 << 2,
	STACK = 1 << 3,		/* must stay where it is */
	ON_DISK = 1 << 4,	/* is that of the file, which msync() writes */
};

struct mapping {
	char *start;		/* all of it */
	size_t size;
	char *to;		/* where a read goes: not the first bytes of its first ... */
	size_t read_size;	/* ... page, nor into the second half of its last */
};

struct memory {
	const char *name;
	unsigned int traits;
	struct mapping (*map)(void);	/* zeros, or bails out */
};

extern const struct memory memories[];
extern const unsigned int nr_memories;

/* A page of the stack, and the name of a file to make; before all else */
void memory_set_up(char *stack_page, const char *file);

#endif
