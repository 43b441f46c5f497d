// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to get or to pin pages, and to release them, by gup_test.
 *
 * usage: bench_gup
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cell.h"
#include "ktap.h"
#include "memory.h"
#include "mm/gup_test.h"

#define SIZE		(64UL << 20)
#define FOLL_WRITE	1
/* Its clock tells microseconds, which is little of what so many pages take. */
#define PER_MICROSECOND	1000

static const struct {
	const char *name;
	unsigned long command;
} ways[] = {
	{ "get-fast",		GUP_FAST_BENCHMARK },
	{ "get",		GUP_BASIC_TEST },
	{ "pin-fast",		PIN_FAST_BENCHMARK },
	{ "pin",		PIN_BASIC_TEST },
	{ "pin-longterm",	PIN_LONGTERM_BENCHMARK },
};

static const unsigned int pages_per_call[] = { 1, 16, 512 };

static void measure(int gup, const struct memory *memory, char *start)
{
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		for (size_t n = 0; n < sizeof(pages_per_call) / sizeof(pages_per_call[0]); n++) {
			struct gup_test test = {
				.addr = (__u64)start,
				.size = SIZE,
				.nr_pages_per_call = pages_per_call[n],
				.gup_flags = FOLL_WRITE,
			}, warm = test;
			uint64_t begin, instructions;
			int err;

			err = ioctl(gup, ways[way].command, &warm);
			begin = cell_begin();
			err |= ioctl(gup, ways[way].command, &test);
			instructions = cell_end(begin);
			if (err || test.size != SIZE)
				ktap_bail_out("%s of %s", ways[way].name, memory->name);
			cell_print(SIZE / PAGE_SIZE, instructions,
				   "gup/%s/n%u/%s\tacquire=%llu\trelease=%llu",
				   ways[way].name, pages_per_call[n], memory->name,
				   test.get_delta_usec * PER_MICROSECOND,
				   test.put_delta_usec * PER_MICROSECOND);
		}
}

int main(int argc, char **argv)
{
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);

	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	if (gup < 0)
		ktap_bail_out("/sys/kernel/debug/gup_test");
	for (unsigned int i = 0; i < nr_memories; i++) {
		char *start = memories[i].map(SIZE);

		measure(gup, &memories[i], start);
		munmap(start, SIZE);
	}
	return 0;
}
