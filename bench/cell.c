// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cell.h"

void cell_print(uint64_t pages, uint64_t instructions, const char *format, ...)
{
	va_list args;

	printf("%" PRIu64 "\t%" PRIu64 "\t", pages, instructions);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}
