/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct reads that stop half way, so that it is certain that one is in flight, and
 * go on when they are told to.  Nothing here depends on time.
 *
 * By a fault: the last page that is read into belongs to userfaultfd, which keeps the
 * kernel in the fault until we give it the page.  The pages before have been taken by
 * then, and no request has been sent.  Works with each device, but not where a file
 * system faults all pages in before it takes the first (btrfs, gfs2).
 *
 * By dm-delay: the device holds the read.  All its pages have been taken, and nothing
 * has been written to them.
 */
#ifndef READ_GATE_H
#define READ_GATE_H

#include <stdbool.h>

#include "dm_delay.h"

struct read_gate {
	const char *dm_name;		/* NULL for a fault */
	struct dm_delay device;
	int userfaultfd;
	char *last_page;		/* that a read must end with */
};

/*
 * What is missing for it, or NULL if it is there: a gate by the dm-delay device of
 * that name, or by a fault.
 */
const char *read_gate_open(struct read_gate *gate, const char *dm_name);

/* For the next read */
void read_gate_shut(struct read_gate *gate);

/* Returns false if what is behind ended is set before a read is held. */
bool read_gate_wait(const struct read_gate *gate, const bool *ended);

void read_gate_let_go(const struct read_gate *gate);

#endif
