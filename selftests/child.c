// SPDX-License-Identifier: GPL-2.0
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"

struct child fork_child(void)
{
	struct child child;
	int ends[2];
	char byte;

	if (pipe(ends))
		ktap_bail_out("pipe");
	child.pid = fork();
	if (child.pid < 0)
		ktap_bail_out("fork");
	if (!child.pid) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	close(ends[0]);
	child.end = ends[1];
	return child;
}

void end_child(struct child child)
{
	int status;

	close(child.end);
	if (waitpid(child.pid, &status, 0) != child.pid || status)
		ktap_bail_out("child ended with status %#x", status);
}
