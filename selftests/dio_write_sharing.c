// SPDX-License-Identifier: GPL-2.0
/*
 * Does a direct write leave the pages of its buffer as they are?  Pages that fork()
 * or KSM has shared must not be copied only because they are written from: they
 * would be if they were pinned.
 *
 * That registering the buffer with io_uring, which pins it, copies them all is the
 * control: it shows that a copy would be seen.
 *
 * Stock passes all of this, and so does the series.  Later kernels, which pin what
 * is written from, would not.
 */
#include <liburing.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "child.h"
#include "file.h"
#include "frames.h"
#include "ksm.h"
#include "ktap.h"

#define KIB		1024UL

static const struct buffer_kind small_pages = { .name = "small-pages", .size = 64 * KIB };
static const struct buffer_kind thp = { .name = "thp", .size = 2048 * KIB, .is_thp = true };

static struct child child;

static void share_with_child(char *buffer, size_t size)
{
	(void)buffer, (void)size;
	child = fork_child();
}

static void share_by_ksm(char *buffer, size_t size)
{
	memset(buffer, 1, size);
	ksm_merge(buffer, size);
}

static void end_sharing_with_child(void)
{
	end_child(child);
}

static void end_sharing_by_ksm(void)
{
}

static const struct sharing {
	const char *name;
	const struct buffer_kind *kind;
	void (*share)(char *buffer, size_t size);
	void (*end)(void);
} sharings[] = {
	{ "fork/small-pages",	&small_pages,	share_with_child,	end_sharing_with_child },
	{ "fork/thp",		&thp,		share_with_child,	end_sharing_with_child },
	{ "ksm",		&small_pages,	share_by_ksm,		end_sharing_by_ksm },
};

#define NR_SHARINGS	(sizeof(sharings) / sizeof(sharings[0]))

static void write_all(int fd, char *buffer, size_t size)
{
	ssize_t bytes = pwrite(fd, buffer, size, 0);

	if (bytes != (ssize_t)size)
		ktap_bail_out("write of %zu bytes gives %zd", size, bytes);
}

static void warm_up(int fd)
{
	char *buffer = buffer_map(&small_pages);

	write_all(fd, buffer, small_pages.size);
	buffer_unmap(&small_pages, buffer);
}

static void register_buffer(int fd, char *buffer, size_t size)
{
	struct iovec all = { .iov_base = buffer, .iov_len = size };
	struct io_uring ring;

	(void)fd;
	errno = -io_uring_queue_init(1, &ring, 0);
	if (errno)
		ktap_bail_out("io_uring_setup");
	errno = -io_uring_register_buffers(&ring, &all, 1);
	if (errno)
		ktap_bail_out("IORING_REGISTER_BUFFERS");
	io_uring_queue_exit(&ring);
}

/*
 * A child shares the stack as well: its pages are copied here, and not while we count,
 * from the caller's frame down to what it calls.
 */
static void touch_stack(char *frame)
{
	volatile char *bottom = frame - 16 * KIB;

	for (volatile char *at = frame; at >= bottom; at -= KIB)
		*at = *at;
}

/*
 * After fork(), the page with rseq's area is one to copy, too: the kernel stores there when
 * the process has been off its CPU.
 */
static void leave_cpu(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void test(const struct file *target, const struct sharing *sharing,
		 void (*use)(int fd, char *buffer, size_t size), bool copies)
{
	char *buffer = buffer_map(sharing->kind);
	struct frames before;
	long new_faults;
	char name[128];
	int changed;

	sharing->share(buffer, sharing->kind->size);
	before = frames_of(buffer, sharing->kind->size);
	touch_stack(__builtin_frame_address(0));
	leave_cpu();
	new_faults = -faults();
	use(target->fd, buffer, sharing->kind->size);
	new_faults += faults();
	changed = frames_changed(&before, buffer);
	sharing->end();
	buffer_unmap(sharing->kind, buffer);

	snprintf(name, sizeof(name), "sharing/%s/%s", target->name, sharing->name);
	ktap_result(copies ? changed == (int)before.number : !changed && !new_faults, name,
		    "%d of %u pages copied, %ld faults", changed, before.number,
		    new_faults);
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_write_sharing NAME=FILE...\n"
		"2 MiB of each FILE are overwritten.\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct file control = { .name = "control", .fd = -1 };
	struct file targets[MAX_FILES];
	int nr_targets = argc - 1;

	if (!files_open(argv + 1, nr_targets, targets))
		return usage();
	ktap_plan((nr_targets + 1) * NR_SHARINGS);
	for (int t = 0; t < nr_targets; t++) {
		/* So that all code has been faulted in */
		warm_up(targets[t].fd);
		for (unsigned int s = 0; s < NR_SHARINGS; s++)
			test(&targets[t], &sharings[s], write_all, false);
	}
	for (unsigned int s = 0; s < NR_SHARINGS; s++)
		test(&control, &sharings[s], register_buffer, true);
	return ktap_exit_status();
}
