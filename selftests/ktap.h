/* SPDX-License-Identifier: GPL-2.0 */
/* Results as KTAP, version 1, on standard output. */
#ifndef KTAP_H
#define KTAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int ktap_number;
static unsigned int ktap_failures;

static inline void ktap_plan(unsigned int tests)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%u\n", tests);
}

/* The format gives the numbers behind the result. */
__attribute__((format(printf, 3, 4)))
static inline void ktap_result(bool ok, const char *name, const char *format, ...)
{
	va_list args;

	if (!ok)
		ktap_failures++;
	printf("%s %u %s # ", ok ? "ok" : "not ok", ++ktap_number, name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* The tests cannot go on: what was to be done, and why it failed. */
__attribute__((format(printf, 1, 2), noreturn))
static inline void ktap_bail_out(const char *format, ...)
{
	int error = errno;
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	printf("Bail out! %s: %s\n", what, strerror(error));
	/* The console has it even if a thread that still waits keeps us here. */
	fprintf(stderr, "Bail out! %s: %s\n", what, strerror(error));
	exit(2);
}

static inline int ktap_exit_status(void)
{
	return ktap_failures ? 1 : 0;
}

#endif
