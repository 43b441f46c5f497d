// SPDX-License-Identifier: GPL-2.0
/*
 * Direct reads of several bios from a disk that works for a second, and fails for a
 * second.  Each has all its data or fails, and nothing is kept of it.
 *
 * usage: dio_flaky DISK, of dm-flakey, with 4 MiB of the pattern
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "witness.h"

#define SECONDS		6
#define READ_SIZE	(2UL << 20)
#define POISON		0x5a

/* A bio takes 256 of the small pages, or a huge one. */
static const struct buffer_kind kinds[] = {
	{ .name = "small-pages",	.size = READ_SIZE },
	{ .name = "hugetlb",		.size = READ_SIZE, .mmap_flags = MAP_HUGETLB },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void test(int fd, const struct buffer_kind *kind)
{
	unsigned int complete = 0, failed = 0, wrong = 0;
	time_t end = now() + SECONDS;
	struct witness witness;
	char name[64], *buffer;

	witness_begin(&witness);
	buffer = buffer_map(kind);
	while (now() < end) {
		ssize_t bytes;

		memset(buffer, POISON, READ_SIZE);
		bytes = pread(fd, buffer, READ_SIZE, 0);
		if (bytes == READ_SIZE && pattern_is_at(buffer, READ_SIZE, 0))
			complete++;
		else if (bytes < 0 && errno == EIO)
			failed++;
		else
			wrong++;
	}
	witness_io_done(&witness, buffer, READ_SIZE);
	witness_store(&witness, buffer, READ_SIZE);
	buffer_unmap(kind, buffer);
	witness_end(&witness);

	snprintf(name, sizeof(name), "flaky/%s", kind->name);
	ktap_result(complete && failed && !wrong && all_was_given_back(&witness), name,
		    "complete %u, failed %u, wrong %u, " WITNESS_FORMAT, complete, failed,
		    wrong, WITNESS_ARGUMENTS(witness));
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: dio_flaky DISK\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		ktap_bail_out("open %s", argv[1]);
	ktap_plan(NR_KINDS);
	for (unsigned int k = 0; k < NR_KINDS; k++)
		test(fd, &kinds[k]);
	return ktap_exit_status();
}
