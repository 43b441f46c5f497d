// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"

static pid_t fork_or_bail_out(void)
{
	pid_t pid = fork();

	if (pid < 0)
		ktap_bail_out("fork");
	return pid;
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

static struct child fork_family(bool with_grandchild)
{
	int ends[2], ready[2];
	struct child child;
	pid_t grandchild;
	char byte;

	if (pipe(ends) || pipe(ready))
		ktap_bail_out("pipe");
	child.pid = fork_or_bail_out();
	if (!child.pid) {
		close(ends[1]);
		grandchild = with_grandchild ? fork_or_bail_out() : -1;
		if (grandchild && write(ready[1], "", 1) != 1)
			_exit(1);
		/* The end comes when the parent closes its side. */
		if (read(ends[0], &byte, 1))
			_exit(1);
		_exit(grandchild > 0 && !ended_well(grandchild));
	}
	close(ends[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		ktap_bail_out("a child that is ready");
	close(ready[0]);
	child.end = ends[1];
	return child;
}

struct child fork_child(void)
{
	return fork_family(false);
}

struct child fork_child_that_forks(void)
{
	return fork_family(true);
}

void end_child(struct child child)
{
	close(child.end);
	if (!ended_well(child.pid)) {
		errno = ECHILD;
		ktap_bail_out("child %d did not end well", (int)child.pid);
	}
}
