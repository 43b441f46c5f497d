// SPDX-License-Identifier: GPL-2.0
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "new_pages.h"

/* mlock() empties the list of the CPU that it runs on. */
void empty_lists_of_new_pages(void)
{
	cpu_set_t before, cpu;
	char byte = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		ktap_bail_out("sched_getaffinity");
	for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); i++) {
		CPU_ZERO(&cpu);
		CPU_SET(i, &cpu);
		if (sched_setaffinity(0, sizeof(cpu), &cpu) || mlock(&byte, 1) ||
		    munlock(&byte, 1))
			ktap_bail_out("mlock on CPU %ld", i);
	}
	if (sched_setaffinity(0, sizeof(before), &before))
		ktap_bail_out("sched_setaffinity");
}
