// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a direct read whose process exits, or is killed, while the disk
 * holds it?  The data arrive in memory that outlives the process, here a page of
 * hugetlbfs that the parent has mapped as well, and nothing of it is kept.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "target.h"

#define HUGE_SIZE	(2UL << 20)
#define WAIT_SECONDS	20
#define REST_SECONDS	2

enum death { EXIT, KILL, DEATHS };

static const char *const death_names[DEATHS] = { "exit", "kill" };

static char *map_shared_page(void)
{
	char *page = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (page == MAP_FAILED)
		ktap_bail_out("mmap of a huge page");
	*page = 0;
	return page;
}

/* A file of the reader's own, which is closed when the reader exits */
static int open_again(int fd)
{
	char path[32];
	int new;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new = open(path, fcntl(fd, F_GETFL) | O_CLOEXEC);
	if (new < 0)
		ktap_bail_out("open %s", path);
	return new;
}

static pid_t start_reader(struct target *target, const struct way *way, char *to,
			  enum death death)
{
	struct read read = {
		.fd = target->fd,
		.to = to,
		.size = target->read_size,
		.from = target->next,
	};
	pid_t pid = fork();

	if (pid < 0)
		ktap_bail_out("fork");
	if (pid)
		return pid;
	read.fd = open_again(target->fd);
	start_read(way, &read);
	if (death == EXIT) {
		slow_disk_wait_until_read_is_held(&target->disk);
		_exit(0);
	}
	for (;;)
		pause();
}

/*
 * Its memory is gone from it, and its end can only wait for the read.  Not by
 * /proc/PID/stat, which takes a reference to the memory: if that becomes the last one,
 * it is its reader that waits in exit_aio(), for a read that only it lets go.
 */
static bool is_exiting(pid_t pid)
{
	char path[32], program[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (readlink(path, program, sizeof(program)) >= 0)
		return false;
	if (errno != ENOENT)
		ktap_bail_out("readlink %s", path);
	return true;
}

static void wait_until_exiting(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; !is_exiting(pid); i++) {
		if (i == WAIT_SECONDS * 1000) {
			errno = ETIMEDOUT;
			ktap_bail_out("process %d does not exit", (int)pid);
		}
		nanosleep(&pause, NULL);
	}
}

static void reap(pid_t pid, enum death death)
{
	int status;

	if (waitpid(pid, &status, 0) != pid ||
	    status != (death == KILL ? SIGKILL : 0))
		ktap_bail_out("reader ended with status %#x", status);
}

/* The data, and the last of the pages, may come after their reader is gone. */
static bool data_arrive(const char *at, size_t size, off_t from)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < WAIT_SECONDS * 1000; i++) {
		if (pattern_is_at(at, size, from))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static long huge_pages_lost(long before)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < REST_SECONDS * 1000 && free_huge_pages() != before; i++)
		nanosleep(&pause, NULL);
	return before - free_huge_pages();
}

static void test(struct target *target, const struct way *way, enum death death)
{
	/* sg does not wait for its commands when it is closed for the last time. */
	bool exits_at_once = target->type == SG_TARGET;
	long huge_pages = free_huge_pages(), pins, lost;
	char *to = map_shared_page();
	char name[128];
	bool arrived;
	pid_t pid;

	target_must_hold(target, 0, "before the read");
	pid = start_reader(target, way, to, death);
	slow_disk_wait_until_read_is_held(&target->disk);
	if (death == KILL && kill(pid, SIGKILL))
		ktap_bail_out("kill");
	wait_until_exiting(pid);
	if (exits_at_once)
		reap(pid, death);
	target_must_hold(target, 1, "after the end of the reader");
	slow_disk_let_go(&target->disk);
	if (!exits_at_once)
		reap(pid, death);
	arrived = data_arrive(to, target->read_size, target->next);
	target->next += target->read_size;
	pins = pins_kept();
	munmap(to, HUGE_SIZE);
	lost = huge_pages_lost(huge_pages);

	snprintf(name, sizeof(name), "%s/%s/%s", target->name, way->name,
		 death_names[death]);
	ktap_result(arrived && !pins && !lost, name,
		    "bad %d of 1, data %s, pins kept %ld, huge pages lost %ld",
		    !arrived || pins || lost, arrived ? "arrived" : "lost", pins, lost);
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_exit NAME=KIND:DISK:FILE...\n" TARGET_USAGE);
	return 2;
}

int main(int argc, char **argv)
{
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_targets = argc - 1, nr_reads = 0;

	if (!targets_open(argv + 1, argc - 1, targets))
		return usage();
	for (unsigned int t = 0; t < nr_targets; t++)
		nr_reads += target_ways(&targets[t]);

	ktap_plan(nr_reads * DEATHS);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int w = 0; w < nr_ways; w++)
			for (int death = 0; death < DEATHS; death++)
				if (ways[w].type == targets[t].type)
					test(&targets[t], &ways[w], death);
	return ktap_exit_status();
}
