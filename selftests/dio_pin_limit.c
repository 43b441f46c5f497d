// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a page that more direct reads want to pin than its count can
 * take?  It needs no privilege: READS asynchronous reads, each with IOVECS times
 * the same buffer, are more than 2^31 / 1024.
 *
 * Each read either gets all its data or fails, and afterwards no pin is left.
 * With the series, reads fail from the limit on.  Without, none does, as they
 * take references.
 *
 * And if there is room for just one pin, but a read by fs/direct-io.c has to hold the
 * page twice, as a hole in the file parts what goes into it?
 */
#include <fcntl.h>
#include <libaio.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "slow_disk.h"
#include "witness.h"

#define READS		2100
#define IOVECS		1024
#define PAGE		4096
#define PINS_OF_A_PAGE	2064383	/* mm/pincount.h */

static struct iocb reads[READS];

/* As many as that, and one more of LAST iovecs, if that is not 0 */
static io_context_t start_reads(int fd, char *buffer, int number, int last)
{
	static struct iovec iovecs[IOVECS];
	io_context_t context = NULL;

	if (io_setup(READS, &context))
		ktap_bail_out("io_setup");
	for (int i = 0; i < IOVECS; i++)
		iovecs[i] = (struct iovec) { buffer, SECTOR };
	for (int i = 0; i < number + !!last; i++) {
		struct iocb *read = &reads[i];

		io_prep_preadv(read, fd, iovecs, i < number ? IOVECS : last, 0);
		if (io_submit(context, 1, &read) != 1)
			ktap_bail_out("io_submit of read %d", i);
	}
	return context;
}

struct outcome {
	int complete, failed, odd;
};

static struct outcome wait_for_reads(io_context_t context, int number)
{
	struct outcome outcome = { };

	for (int i = 0; i < number; i++) {
		struct io_event event;
		long result;

		if (io_getevents(context, 1, 1, &event, NULL) != 1)
			ktap_bail_out("io_getevents after %d", i);
		result = event.res;
		if (result == SECTOR * IOVECS)
			outcome.complete++;
		else if (result == -ENOMEM || result == -EIO)
			outcome.failed++;
		else
			outcome.odd++;
	}
	io_destroy(context);
	return outcome;
}

static void test_too_many_reads(struct slow_disk *disk, int fd, char *buffer)
{
	struct pins before = read_pins(), after;
	struct outcome outcome;
	io_context_t context;
	bool pinned;

	context = start_reads(fd, buffer, READS, 0);
	pinned = read_pins().acquired != before.acquired;
	slow_disk_let_go(disk);
	outcome = wait_for_reads(context, READS);
	after = read_pins();

	ktap_result(pinned, "reads-are-pinned", "bad %d of 1", !pinned);
	ktap_result(!outcome.odd &&
		    outcome.complete == (pinned ? PINS_OF_A_PAGE / IOVECS : READS),
		    "reads-beyond-the-limit", "%d complete, %d failed, %d neither, %s",
		    outcome.complete, outcome.failed, outcome.odd,
		    pinned ? "pinned" : "not pinned");
	ktap_result(after.acquired - before.acquired == after.released - before.released,
		    "pins-released", "%ld acquired, %ld released",
		    after.acquired - before.acquired, after.released - before.released);
	ktap_result(!pages_copied_by_fork(buffer, PAGE), "page-is-shared-again", "after %d reads", READS);
}

/* All pins but one are taken by reads that the disk holds. */
static void test_room_for_one_pin(struct slow_disk *disk, int fd, int holes, char *buffer)
{
	int whole = PINS_OF_A_PAGE / IOVECS, last = PINS_OF_A_PAGE % IOVECS - 1;
	struct pins before = read_pins(), after;
	struct outcome outcome;
	io_context_t context;
	ssize_t bytes, again;
	bool pinned;

	context = start_reads(fd, buffer, whole, last);
	pinned = read_pins().acquired != before.acquired;
	bytes = pread(holes, buffer, PAGE, 0);
	if (bytes < 0)
		bytes = -errno;
	slow_disk_let_go(disk);
	outcome = wait_for_reads(context, whole + 1);
	again = pread(holes, buffer, PAGE, 0);
	after = read_pins();

	/* The one of fewer iovecs is complete, too, but shorter. */
	ktap_result(outcome.complete == whole && outcome.odd == 1 && again == PAGE &&
		    bytes == (pinned ? -ENOMEM : PAGE), "room-for-one-pin-of-two",
		    "%d complete, %d failed, %d shorter; read with a hole %zd, later %zd, %s",
		    outcome.complete, outcome.failed, outcome.odd, bytes, again,
		    pinned ? "pinned" : "not pinned");
	ktap_result(after.acquired - before.acquired == after.released - before.released,
		    "pins-released-of-two", "%ld acquired, %ld released",
		    after.acquired - before.acquired, after.released - before.released);
	ktap_result(!pages_copied_by_fork(buffer, PAGE), "page-is-shared-again-of-two", "after %d reads",
		    whole + 1);
}

static int open_or_bail_out(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		ktap_bail_out("open %s", name);
	return fd;
}

int main(int argc, char **argv)
{
	struct slow_disk disk;
	int fd, holes;
	char *buffer;

	if (argc != 4) {
		fprintf(stderr, "usage: dio_pin_limit NAME DEVICE FILE\n"
			"DEVICE is the slow disk NAME, which holds its reads.  FILE has a hole in\n"
			"its first 4 KiB, and a file system that uses fs/direct-io.c.\n");
		return 2;
	}
	slow_disk_open(&disk, argv[1]);
	fd = open_or_bail_out(argv[2]);
	holes = open_or_bail_out(argv[3]);
	buffer = buffer_map(&buffer_kinds[0]);

	ktap_plan(7);
	test_too_many_reads(&disk, fd, buffer);
	test_room_for_one_pin(&disk, fd, holes, buffer);
	return ktap_exit_status();
}
