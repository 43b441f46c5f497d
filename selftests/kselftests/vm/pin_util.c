// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "../kselftest.h"
#include "pin_util.h"
#include <mm/gup_test.h>

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"
#define FOLL_WRITE	1	/* of the kernel, for gup_test */
#define REST_TRIES	20
#define REST_MS		100

/*
 * One call that takes and releases pins.  Of those by pin_user_pages(), the one that
 * dumps pages, here none, does not mind that the zero page is never pinned.
 */
static int take_short(struct pin *pin)
{
	struct gup_test test = {
		.addr = (unsigned long)pin->memory.iov_base,
		.size = pin->memory.iov_len,
		.nr_pages_per_call = pin->memory.iov_len / getpagesize(),
		.gup_flags = pin->way->write ? FOLL_WRITE : 0,
		.test_flags = GUP_TEST_FLAG_DUMP_PAGES_USE_PIN,
	};
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	int error = 0;

	if (fd < 0 || ioctl(fd, pin->way->argument, &test))
		error = -errno;
	else if (test.size != pin->memory.iov_len)
		error = -EFAULT;
	if (fd >= 0)
		close(fd);
	return error;
}

static int take_longterm(struct pin *pin)
{
	struct pin_longterm_test test = {
		.addr = (unsigned long)pin->memory.iov_base,
		.size = pin->memory.iov_len,
		.flags = pin->way->argument,
	};
	int error;

	pin->gup_test = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	if (pin->gup_test < 0)
		return -errno;
	if (!ioctl(pin->gup_test, PIN_LONGTERM_TEST_START, &test))
		return 0;
	error = -errno;
	close(pin->gup_test);
	return error;
}

static int take_io_uring(struct pin *pin)
{
	int error = raw_io_uring_open(&pin->ring);

	if (error)
		return error;
	error = raw_io_uring_register(&pin->ring, &pin->memory);
	if (error)
		raw_io_uring_close(&pin->ring);
	return error;
}

#define WRITE_FLAG	PIN_LONGTERM_TEST_FLAG_USE_WRITE
#define FAST_FLAG	PIN_LONGTERM_TEST_FLAG_USE_FAST

const struct pin_way pin_ways[] = {
	{ "short-ro", false, false, take_short, DUMP_USER_PAGES_TEST },
	{ "short-rw", true, false, take_short, DUMP_USER_PAGES_TEST },
	{ "short-ro-fast", false, false, take_short, PIN_FAST_BENCHMARK },
	{ "short-rw-fast", true, false, take_short, PIN_FAST_BENCHMARK },
	{ "longterm-ro", false, true, take_longterm, 0 },
	{ "longterm-rw", true, true, take_longterm, WRITE_FLAG },
	{ "longterm-ro-fast", false, true, take_longterm, FAST_FLAG },
	{ "longterm-rw-fast", true, true, take_longterm, WRITE_FLAG | FAST_FLAG },
	{ "io_uring-buffer", true, true, take_io_uring, 0 },
};

const unsigned int nr_pin_ways = ARRAY_SIZE(pin_ways);

static const char *gup_test_missing(void)
{
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	return errno == EACCES || errno == EPERM ? "only root may use gup_test" :
		"no " GUP_TEST_FILE ": needs CONFIG_GUP_TEST, and debugfs mounted";
}

const char *longterm_pins_missing(void)
{
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);
	bool holds;

	if (fd < 0)
		return gup_test_missing();
	/* To stop what was not started does no harm, where it is known. */
	holds = !ioctl(fd, PIN_LONGTERM_TEST_STOP);
	close(fd);
	return holds ? NULL : "gup_test of this kernel cannot hold a pin";
}

const char *io_uring_missing(void)
{
	struct raw_io_uring ring;

	if (raw_io_uring_open(&ring))
		return "no io_uring: needs CONFIG_IO_URING, and leave to use it";
	raw_io_uring_close(&ring);
	return NULL;
}

/* io_uring counts all of a huge page of which it pins something. */
const char *memlock_missing(const struct pin_way *way, size_t size)
{
	struct rlimit limit;

	if (way->take != take_io_uring || !geteuid() || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur >= size)
		return NULL;
	return "needs a higher RLIMIT_MEMLOCK";
}

const char *pin_way_missing(const struct pin_way *way)
{
	if (way->take == take_io_uring)
		return io_uring_missing();
	return way->held ? longterm_pins_missing() : gup_test_missing();
}

int pin_take(struct pin *pin, const struct pin_way *way, char *start, size_t size)
{
	pin->way = way;
	pin->memory = (struct iovec){ start, size };
	return way->take(pin);
}

void pin_read(struct pin *pin, char *to)
{
	__u64 address = (unsigned long)to;
	int error = 0;

	if (pin->way->take == take_io_uring)
		error = raw_io_uring_copy_buffer(&pin->ring, &pin->memory, to);
	else if (ioctl(pin->gup_test, PIN_LONGTERM_TEST_READ, &address))
		error = -errno;
	if (error)
		ksft_exit_fail_msg("read pinned pages by %s: %s\n", pin->way->name,
				   strerror(-error));
}

void pin_release(struct pin *pin)
{
	int error = 0;

	if (!pin->way->held)
		return;
	if (pin->way->take == take_io_uring) {
		/* Pins are gone when this returns, but some time after close(). */
		error = raw_io_uring_unregister(&pin->ring);
		raw_io_uring_close(&pin->ring);
	} else {
		if (ioctl(pin->gup_test, PIN_LONGTERM_TEST_STOP))
			error = -errno;
		close(pin->gup_test);
	}
	if (error)
		ksft_exit_fail_msg("release pins by %s: %s\n", pin->way->name,
				   strerror(-error));
}

bool pin_counters_read(struct pin_counters *counters)
{
	/* With one CPU there is none that has anything to report. */
	if (!write_file("/proc/sys/vm/stat_refresh", "1") && errno != ENOENT)
		return false;
	counters->acquired = number_in_file("/proc/vmstat", "nr_foll_pin_acquired ");
	counters->released = number_in_file("/proc/vmstat", "nr_foll_pin_released ");
	return counters->acquired >= 0 && counters->released >= 0;
}

struct pin_counters pin_counters_since(const struct pin_counters *before)
{
	struct pin_counters now;

	if (!pin_counters_read(&now))
		return (struct pin_counters){ 0 };
	now.acquired -= before->acquired;
	now.released -= before->released;
	return now;
}

long pins_left_since(const struct pin_counters *before)
{
	struct pin_counters pins = pin_counters_since(before);

	for (int i = 0; i < REST_TRIES && pins.acquired != pins.released; i++) {
		poll(NULL, 0, REST_MS);
		pins = pin_counters_since(before);
	}
	return pins.acquired - pins.released;
}

static uint64_t entry_of(const char *file, uint64_t number)
{
	uint64_t entry = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), number * sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

static uint64_t pagemap_entry_of(const char *page)
{
	return entry_of("/proc/self/pagemap", (unsigned long)page / getpagesize());
}

bool page_is_swapped_out(const char *page)
{
	return pagemap_entry_of(page) >> 62 & 1;
}

static uint64_t frame_of(const char *page)
{
	uint64_t entry = pagemap_entry_of(page);

	/* Present, and bits 0 to 54 */
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

bool page_has_flag(const char *page, unsigned int bit)
{
	uint64_t frame = frame_of(page);

	return frame && entry_of("/proc/kpageflags", frame) >> bit & 1;
}

struct view look_at(const char *start, size_t size)
{
	size_t pages = size / getpagesize();
	bool uniform = !memcmp(start, start + 1, size - 1);
	struct view view = { .byte = uniform ? (unsigned char)*start : -1 };

	for (size_t i = 0; i < FRAME_SAMPLES; i++)
		view.frames[i] = frame_of(start + pages * i / FRAME_SAMPLES * getpagesize());
	return view;
}

bool frames_are_visible(void)
{
	char here = 0;

	return frame_of((char *)((unsigned long)&here & -(unsigned long)getpagesize()));
}

bool same_frames(const struct view *a, const struct view *b)
{
	return !memcmp(a->frames, b->frames, sizeof(a->frames));
}

bool no_common_frame(const struct view *a, const struct view *b)
{
	for (int i = 0; i < FRAME_SAMPLES; i++)
		if (a->frames[i] == b->frames[i])
			return false;
	return true;
}

static void must(bool done, const char *what)
{
	if (!done)
		ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

#define LOOK	(-1)	/* or a byte to fill the memory with */

static void serve(const struct child *child, int commands, int answers)
{
	struct view view;
	int command;

	/* Ends with the parent, too: then there is nothing to read. */
	while (read(commands, &command, sizeof(command)) == sizeof(command)) {
		if (command != LOOK)
			memset(child->start, command, child->size);
		view = look_at(child->start, child->size);
		if (write(answers, &view, sizeof(view)) != sizeof(view))
			break;
	}
}

int child_start(struct child *child, char *start, size_t size)
{
	int commands[2], answers[2], error = 0;

	must(!pipe(commands) && !pipe(answers), "pipe");
	child->start = start;
	child->size = size;
	child->commands = commands[1];
	child->answers = answers[0];
	fflush(stdout);
	child->pid = fork();
	if (!child->pid) {
		close(commands[1]);
		close(answers[0]);
		serve(child, commands[0], answers[1]);
		_exit(0);
	}
	if (child->pid < 0)
		error = -errno;
	close(commands[0]);
	close(answers[1]);
	if (error) {
		close(commands[1]);
		close(answers[0]);
	}
	return error;
}

static struct view ask(const struct child *child, int command)
{
	struct view view;

	must(write(child->commands, &command, sizeof(command)) == sizeof(command),
	     "tell the child");
	must(read(child->answers, &view, sizeof(view)) == sizeof(view),
	     "an answer of the child");
	return view;
}

struct view child_look(const struct child *child)
{
	return ask(child, LOOK);
}

void child_fill(const struct child *child, int byte)
{
	ask(child, byte);
}

void child_end(struct child *child)
{
	close(child->commands);
	close(child->answers);
	must(waitpid(child->pid, NULL, 0) == child->pid, "waitpid");
}

long number_in_file(const char *file, const char *name)
{
	FILE *lines = fopen(file, "r");
	char line[256];
	long number = -1;

	if (!lines)
		return -1;
	while (fgets(line, sizeof(line), lines))
		if (!strncmp(line, name, strlen(name))) {
			number = strtol(line + strlen(name), NULL, 10);
			break;
		}
	fclose(lines);
	return number;
}

bool write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

bool kernel_is_at_least(unsigned int major, unsigned int minor)
{
	unsigned int running_major, running_minor;
	struct utsname name;

	must(!uname(&name), "uname");
	must(sscanf(name.release, "%u.%u", &running_major, &running_minor) == 2,
	     name.release);
	return running_major > major || (running_major == major && running_minor >= minor);
}
