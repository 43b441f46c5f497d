/* SPDX-License-Identifier: GPL-2.0 */
/* KSM, which merges pages of the same content where it was asked to look. */
#ifndef KSM_H
#define KSM_H

#include <stddef.h>

/* Merges all pages of a buffer, which have the same content, or bails out. */
void ksm_merge(char *buffer, size_t size);

/* Lets KSM look at all memory that it is to look at often enough to merge it. */
void ksm_scan_all(void);

#endif
