// SPDX-License-Identifier: GPL-2.0
/*
 * Does a direct read keep its data when the process forks meanwhile?
 *
 *	read 512 bytes into a page	the disk holds the read
 *	fork				the child stays
 *	store into another part of the page
 *					the disk lets go of the read
 *	the 512 bytes must be those of the disk
 *
 * The same without the fork is the control.  Each test runs several times on
 * different sectors, and passes if the data were there each time.
 */
#include <fcntl.h>
#include <getopt.h>
#include <libaio.h>
#include <liburing.h>
#include <pthread.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "ktap.h"
#include "pattern.h"
#include "slow_disk.h"

#define POISON		0x5a
#define MARK		0x77
#define READ_OFFSET	0	/* in the page: where the read goes ... */
#define STORE_OFFSET	2048	/* ... and where the parent stores meanwhile */
#define MAX_TARGETS	8

/* One direct read of a sector, from its start to its end */
struct read {
	int fd;
	char *to;
	off_t from;
	pthread_t thread;
	struct io_uring ring;
	io_context_t aio;
};

struct way {
	const char *name;
	void (*start)(struct read *read);
	ssize_t (*finish)(struct read *read);
};

static void *pread_thread(void *argument)
{
	struct read *read = argument;
	ssize_t bytes = pread(read->fd, read->to, SECTOR, read->from);

	return (void *)(bytes < 0 ? -errno : bytes);
}

static void start_pread(struct read *read)
{
	errno = pthread_create(&read->thread, NULL, pread_thread, read);
	if (errno)
		ktap_bail_out("pthread_create");
}

static ssize_t finish_pread(struct read *read)
{
	void *bytes;

	pthread_join(read->thread, &bytes);
	return (ssize_t)bytes;
}

static void set_up_ring(struct read *read)
{
	errno = -io_uring_queue_init(1, &read->ring, 0);
	if (errno)
		ktap_bail_out("io_uring_setup");
}

static void submit(struct read *read)
{
	int submitted = io_uring_submit(&read->ring);

	if (submitted != 1) {
		errno = submitted < 0 ? -submitted : EIO;
		ktap_bail_out("io_uring_enter");
	}
}

static void start_uring_read(struct read *read)
{
	set_up_ring(read);
	io_uring_prep_read(io_uring_get_sqe(&read->ring), read->fd, read->to,
			   SECTOR, read->from);
	submit(read);
}

static void start_uring_read_fixed(struct read *read)
{
	struct iovec buffer = { .iov_base = read->to, .iov_len = SECTOR };

	set_up_ring(read);
	errno = -io_uring_register_buffers(&read->ring, &buffer, 1);
	if (errno)
		ktap_bail_out("IORING_REGISTER_BUFFERS");
	io_uring_prep_read_fixed(io_uring_get_sqe(&read->ring), read->fd, read->to,
				 SECTOR, read->from, 0);
	submit(read);
}

static ssize_t finish_uring(struct read *read)
{
	struct io_uring_cqe *done;
	ssize_t bytes;

	errno = -io_uring_wait_cqe(&read->ring, &done);
	if (errno)
		ktap_bail_out("wait for io_uring");
	bytes = done->res;
	io_uring_queue_exit(&read->ring);
	return bytes;
}

static void start_libaio(struct read *read)
{
	struct iocb request, *requests[] = { &request };
	int submitted;

	read->aio = NULL;
	errno = -io_setup(1, &read->aio);
	if (errno)
		ktap_bail_out("io_setup");
	io_prep_pread(&request, read->fd, read->to, SECTOR, read->from);
	submitted = io_submit(read->aio, 1, requests);
	if (submitted != 1) {
		errno = submitted < 0 ? -submitted : EIO;
		ktap_bail_out("io_submit");
	}
}

static ssize_t finish_libaio(struct read *read)
{
	struct io_event done;

	if (io_getevents(read->aio, 1, 1, &done, NULL) != 1)
		ktap_bail_out("io_getevents");
	io_destroy(read->aio);
	return (ssize_t)done.res;
}

static const struct way ways[] = {
	{ "pread",		start_pread,		finish_pread },
	{ "io_uring-read",	start_uring_read,	finish_uring },
	{ "io_uring-read-fixed", start_uring_read_fixed, finish_uring },
	{ "libaio",		start_libaio,		finish_libaio },
};

struct target {
	const char *name;
	struct slow_disk disk;
	int fd;
	off_t next_sector;
};

struct counts {
	unsigned int intact;
	unsigned int lost;	/* what was in the buffer before the read */
	unsigned int wrong;	/* anything else */
};

static void count(struct counts *counts, const char *page, off_t from)
{
	bool poison = true;

	for (size_t at = 0; at < SECTOR; at++)
		poison &= page[READ_OFFSET + at] == POISON;
	if (page[STORE_OFFSET] != MARK)
		counts->wrong++;
	else if (pattern_is_at(page + READ_OFFSET, SECTOR, from))
		counts->intact++;
	else if (poison)
		counts->lost++;
	else
		counts->wrong++;
}

static void must_be_held(const struct slow_disk *disk, const char *when)
{
	unsigned int held = slow_disk_held_reads(disk);

	if (held != 1) {
		errno = EIO;
		ktap_bail_out("%s: %u reads in flight %s, 1 expected", disk->name,
			      held, when);
	}
}

static void run(struct target *target, const struct buffer_kind *kind,
		const struct way *way, bool with_fork, struct counts *counts)
{
	struct child earlier, child;
	char *buffer = buffer_map(kind);
	/* In a huge page, neither its first nor its last small page */
	char *page = buffer + kind->size / 2 / getpagesize() * getpagesize();
	struct read read = {
		.fd = target->fd,
		.to = page + READ_OFFSET,
		.from = target->next_sector++ * SECTOR,
	};
	ssize_t bytes;

	memset(page, POISON, getpagesize());
	if (kind->shared_before)
		earlier = fork_child();

	way->start(&read);
	slow_disk_wait_until_read_is_held(&target->disk);
	if (with_fork)
		child = fork_child();
	page[STORE_OFFSET] = MARK;
	must_be_held(&target->disk, "after the store");
	slow_disk_let_go(&target->disk);
	bytes = way->finish(&read);
	if (bytes != SECTOR) {
		errno = bytes < 0 ? -bytes : EIO;
		ktap_bail_out("%s read %zd bytes of %d", way->name, bytes, SECTOR);
	}

	count(counts, page, read.from);
	if (with_fork)
		end_child(child);
	if (kind->shared_before)
		end_child(earlier);
	buffer_unmap(kind, buffer);
}

static void test(struct target *target, const struct buffer_kind *kind,
		 const struct way *way, bool with_fork, unsigned int runs)
{
	struct counts counts = {};
	char name[128];

	for (unsigned int i = 0; i < runs; i++)
		run(target, kind, way, with_fork, &counts);
	snprintf(name, sizeof(name), "%s/%s/%s/%s", target->name, kind->name,
		 way->name, with_fork ? "fork" : "control");
	ktap_result(counts.intact == runs, name, "bad %u of %u, lost %u, wrong %u",
		    counts.lost + counts.wrong, runs, counts.lost, counts.wrong);
}

/* NAME=DISK:FILE */
static bool parse_target(char *text, struct target *target)
{
	char *disk = strchr(text, '=');
	char *file = disk ? strchr(disk, ':') : NULL;

	if (!file)
		return false;
	*disk++ = '\0';
	*file++ = '\0';
	target->name = text;
	slow_disk_open(&target->disk, disk);
	target->fd = open(file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (target->fd < 0)
		ktap_bail_out("open %s", file);
	return true;
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_fork_race [-r RUNS] NAME=DISK:FILE...\n"
		"FILE holds the pattern of write_pattern and is on the dm-delay\n"
		"disk DISK, whose reads are delayed for minutes.\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct target targets[MAX_TARGETS] = {};
	unsigned int nr_ways = sizeof(ways) / sizeof(ways[0]);
	unsigned int nr_targets, runs = 20;
	int option;

	while ((option = getopt(argc, argv, "r:")) != -1) {
		if (option != 'r' || atoi(optarg) < 1)
			return usage();
		runs = atoi(optarg);
	}
	nr_targets = argc - optind;
	if (nr_targets < 1 || nr_targets > MAX_TARGETS)
		return usage();
	for (unsigned int i = 0; i < nr_targets; i++) {
		if (!parse_target(argv[optind + i], &targets[i]))
			return usage();
	}

	ktap_plan(nr_targets * nr_buffer_kinds * nr_ways * 2);
	for (unsigned int t = 0; t < nr_targets; t++)
		for (unsigned int b = 0; b < nr_buffer_kinds; b++)
			for (unsigned int w = 0; w < nr_ways; w++)
				for (int with_fork = 1; with_fork >= 0; with_fork--)
					test(&targets[t], &buffer_kinds[b],
					     &ways[w], with_fork, runs);
	return ktap_exit_status();
}
