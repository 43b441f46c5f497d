/* SPDX-License-Identifier: GPL-2.0 */
/* A cell of the table: what is measured, and its line on standard output. */
#ifndef CELL_H
#define CELL_H

#include <stdint.h>
#include <unistd.h>

#include "marks.h"

#define SETTLE_USEC		200000
#define MARK_STRING_(mark)	#mark
#define MARK_STRING(mark)	MARK_STRING_(mark)
#define PUT_MARK(mark)							\
	asm volatile("nopl " MARK_STRING(mark) "(%%rax)" ::: "memory")

/*
 * Under QEMU's -icount shift=0, one tick of the TSC is one instruction.
 *
 * What earlier work has left to RCU and to workers, memory to be freed for one, is done
 * while we sleep.  Sleep takes no time: that clock jumps when nobody runs.
 */
static inline uint64_t cell_begin(void)
{
	usleep(SETTLE_USEC);
	PUT_MARK(MARK_BEGIN);
	return __builtin_ia32_rdtsc();
}

/* What has been executed since */
static inline uint64_t cell_end(uint64_t begin)
{
	uint64_t end = __builtin_ia32_rdtsc();

	PUT_MARK(MARK_END);
	return end - begin;
}

/*
 * Prints PAGES, INSTRUCTIONS, and by the format the cell's name and what else there is
 * to say of it, as KEY=NUMBER, with tabs between them.  There must be one for each
 * cell_end(), in their order.
 */
__attribute__((format(printf, 3, 4)))
void cell_print(uint64_t pages, uint64_t instructions, const char *format, ...);

#endif
