/* SPDX-License-Identifier: GPL-2.0 */
/* A child that does nothing but share what it has inherited, until it is ended */
#ifndef CHILD_H
#define CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int end;	/* closed when the child is to exit */
};

struct child fork_child(void);

/* A child with a child of its own, which is ended with it */
struct child fork_child_that_forks(void);

void end_child(struct child child);

#endif
