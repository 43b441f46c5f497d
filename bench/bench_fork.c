// SPDX-License-Identifier: GPL-2.0
/*
 * What fork() costs a process with 1 GiB of small pages, without and with pins; and
 * what a direct write costs that comes after fork().
 *
 * usage: bench_fork DISK
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "cell.h"
#include "ktap.h"
#include "memory.h"

#define FORK_SIZE	(1UL << 30)
#define WRITE_SIZE	(1UL << 20)

static pid_t fork_or_bail_out(void)
{
	pid_t child = fork();

	if (child < 0)
		ktap_bail_out("fork");
	return child;
}

/* After a fork(), a page is exclusive again, and writable, when it has been stored to. */
static void store_to_all(char *memory, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE)
		memory[at] = 1;
}

/* The child runs when its parent waits for it. */
static void measure_fork(char *memory, const char *name)
{
	uint64_t begin, instructions;
	pid_t child;

	store_to_all(memory, FORK_SIZE);
	begin = cell_begin();
	child = fork_or_bail_out();
	if (!child)
		_exit(0);
	instructions = cell_end(begin);
	if (waitpid(child, NULL, 0) != child)
		ktap_bail_out("waitpid");
	cell_print(FORK_SIZE / PAGE_SIZE, instructions, "fork/%s", name);
}

/* A registered buffer is pinned. */
static void pin(struct io_uring *ring, char *page)
{
	struct iovec buffer = { page, PAGE_SIZE };

	errno = -io_uring_queue_init(1, ring, 0);
	if (!errno)
		errno = -io_uring_register_buffers(ring, &buffer, 1);
	if (errno)
		ktap_bail_out("a registered buffer");
}

/* Pins in the order in which they can be had: the mark of the process stays. */
static void measure_forks(void)
{
	char *memory = mmap(NULL, FORK_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring ring;

	if (memory == MAP_FAILED || madvise(memory, FORK_SIZE, MADV_NOHUGEPAGE))
		ktap_bail_out("%lu bytes", FORK_SIZE);
	measure_fork(memory, "never-pinned");
	pin(&ring, memory);
	measure_fork(memory, "one-page-pinned");
	io_uring_unregister_buffers(&ring);
	measure_fork(memory, "pinned-before");
	io_uring_queue_exit(&ring);
	munmap(memory, FORK_SIZE);
}

static unsigned int frames_changed(const char *memory, const unsigned long long *frames)
{
	unsigned int changed = 0;

	for (size_t i = 0; i < WRITE_SIZE / PAGE_SIZE; i++)
		changed += page_frame(memory + i * PAGE_SIZE) != frames[i];
	return changed;
}

static void measure_write(int disk, const struct memory *memory)
{
	static unsigned long long frames[WRITE_SIZE / PAGE_SIZE];
	char *buffer = memory->map(HUGE_SIZE);
	uint64_t begin, instructions;
	int ready[2], gate[2];
	pid_t child;
	char byte;

	for (size_t i = 0; i < WRITE_SIZE / PAGE_SIZE; i++)
		frames[i] = page_frame(buffer + i * PAGE_SIZE);
	if (pipe(ready) || pipe(gate))
		ktap_bail_out("pipe");
	child = fork_or_bail_out();
	if (!child) {
		close(gate[1]);
		/* It has done what a child does first, and waits for the parent's end. */
		_exit(write(ready[1], "", 1) != 1 || read(gate[0], &byte, 1));
	}
	if (read(ready[0], &byte, 1) != 1)
		ktap_bail_out("the child");
	begin = cell_begin();
	if (pwrite(disk, buffer, WRITE_SIZE, 0) != WRITE_SIZE)
		ktap_bail_out("pwrite");
	instructions = cell_end(begin);
	cell_print(WRITE_SIZE / PAGE_SIZE, instructions, "write-after-fork/1M/%s\tcopied=%u",
		   memory->name, frames_changed(buffer, frames));
	close(gate[0]);
	close(gate[1]);
	close(ready[0]);
	close(ready[1]);
	waitpid(child, NULL, 0);
	munmap(buffer, HUGE_SIZE);
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 1 };
	int disk;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DISK\n", argv[0]);
		return 2;
	}
	disk = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk < 0)
		ktap_bail_out("%s", argv[1]);
	/* Nobody is to run before the child that it makes. */
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		ktap_bail_out("sched_setscheduler");
	measure_forks();
	for (unsigned int i = 0; i < nr_memories; i++)
		measure_write(disk, &memories[i]);
	return 0;
}
