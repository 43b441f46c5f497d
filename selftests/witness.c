// SPDX-License-Identifier: GPL-2.0
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "frames.h"
#include "ktap.h"
#include "new_pages.h"
#include "witness.h"

int pages_copied_by_fork(const char *buffer, size_t size)
{
	struct frames frames = frames_of(buffer, size);
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		ktap_bail_out("fork");
	if (!pid)
		_exit(frames_changed(&frames, buffer));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		ktap_bail_out("child ended with status %#x", status);
	return WEXITSTATUS(status);
}

/* How many pages that a child has shared are copied instead of reused */
static int pages_copied_by_store(char *buffer, size_t size)
{
	struct frames frames = frames_of(buffer, size);

	for (unsigned int i = 0; i < frames.number; i++)
		buffer[i * frames.step] = 1;
	return frames_changed(&frames, buffer);
}

void witness_begin(struct witness *witness)
{
	witness->huge_pages_before = free_huge_pages();
	/* Those of the test before may still be on their way. */
	pins_kept();
	witness->before = read_pins();
}

void witness_io_done(struct witness *witness, const char *buffer, size_t size)
{
	witness->pins_kept = pins_kept();
	witness->pins = read_pins().acquired - witness->before.acquired;
	witness->copied_by_fork = pages_copied_by_fork(buffer, size);
}

void witness_store(struct witness *witness, char *buffer, size_t size)
{
	empty_lists_of_new_pages();
	witness->copied_by_store = pages_copied_by_store(buffer, size);
}

void witness_end(struct witness *witness)
{
	witness->huge_pages_lost = witness->huge_pages_before - free_huge_pages();
}

bool all_was_given_back(const struct witness *witness)
{
	return !witness->pins_kept && !witness->copied_by_fork &&
	       !witness->copied_by_store && !witness->huge_pages_lost;
}
