/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A new page waits in a list of the CPU that faulted it in.  As long as it does, the list
 * has a reference to it, and it cannot be swapped out.
 */
#ifndef NEW_PAGES_H
#define NEW_PAGES_H

/* Of all CPUs */
void empty_lists_of_new_pages(void);

#endif
