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
 * usage: dio_pin_limit NAME DEVICE, a slow disk that holds its reads
 */
#include <fcntl.h>
#include <libaio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "pins.h"
#include "slow_disk.h"

#define READS		2100
#define IOVECS		1024
#define PINS_OF_A_PAGE	2064383	/* mm/pincount.h */

static struct iocb reads[READS];

static io_context_t start_reads(int fd, char *buffer)
{
	static struct iovec iovecs[IOVECS];
	io_context_t context = NULL;

	if (io_setup(READS, &context))
		ktap_bail_out("io_setup");
	for (int i = 0; i < IOVECS; i++)
		iovecs[i] = (struct iovec) { buffer, SECTOR };
	for (int i = 0; i < READS; i++) {
		struct iocb *read = &reads[i];

		io_prep_preadv(read, fd, iovecs, IOVECS, 0);
		if (io_submit(context, 1, &read) != 1)
			ktap_bail_out("io_submit of read %d", i);
	}
	return context;
}

struct outcome {
	int complete, failed, odd;
};

static struct outcome wait_for_reads(io_context_t context)
{
	struct outcome outcome = { };

	for (int i = 0; i < READS; i++) {
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

/* Does a child share the page, as it does if that does not look pinned? */
static bool child_shares(const char *buffer)
{
	unsigned long long frame = page_frame(buffer);
	pid_t pid = fork();
	int status;

	if (pid < 0)
		ktap_bail_out("fork");
	if (!pid)
		_exit(page_frame(buffer) != frame);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		ktap_bail_out("child ended with status %#x", status);
	return !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct slow_disk disk;
	struct pins before, after;
	struct outcome outcome;
	io_context_t context;
	bool pinned;
	char *buffer;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: %s NAME DEVICE\n", argv[0]);
		return 2;
	}
	ktap_plan(3);
	slow_disk_open(&disk, argv[1]);
	fd = open(argv[2], O_RDONLY | O_DIRECT);
	if (fd < 0)
		ktap_bail_out("open %s", argv[2]);
	buffer = buffer_map(&buffer_kinds[0]);

	before = read_pins();
	context = start_reads(fd, buffer);
	pinned = read_pins().acquired != before.acquired;
	slow_disk_let_go(&disk);
	outcome = wait_for_reads(context);
	after = read_pins();

	ktap_result(!outcome.odd &&
		    outcome.complete == (pinned ? PINS_OF_A_PAGE / IOVECS : READS),
		    "reads-beyond-the-limit", "%d complete, %d failed, %d neither, %s",
		    outcome.complete, outcome.failed, outcome.odd,
		    pinned ? "pinned" : "not pinned");
	ktap_result(after.acquired - before.acquired == after.released - before.released,
		    "pins-released", "%ld acquired, %ld released",
		    after.acquired - before.acquired, after.released - before.released);
	ktap_result(child_shares(buffer), "page-is-shared-again", "after %d reads", READS);
	return ktap_exit_status();
}
