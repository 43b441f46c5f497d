// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of gup_test that hold a pin across calls: what they answer to bad input,
 * when a pin ends, and 32-bit callers.  Whatever they answer, no pin may be left.
 *
 * The tests of what pins are good for rely on them.  Needs root.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../kselftest.h"
#include "pin_util.h"
#include <mm/gup_test.h>

#define GUP_TEST_FILE	"/sys/kernel/debug/gup_test"
#define BYTE		0x66
#define PAGES		4
#define READ_WRITE	(PROT_READ | PROT_WRITE)
#define WRITE		PIN_LONGTERM_TEST_FLAG_USE_WRITE
#define FAST		PIN_LONGTERM_TEST_FLAG_USE_FAST

static char *memory;		/* PAGES pages, and then nothing is mapped */
static size_t memory_size;

static int open_gup_test(void)
{
	int fd = open(GUP_TEST_FILE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		ksft_exit_fail_msg("open %s: %s\n", GUP_TEST_FILE, strerror(errno));
	return fd;
}

static void map_memory(void)
{
	size_t page = getpagesize();

	memory_size = PAGES * page;
	memory = mmap(NULL, memory_size + page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	munmap(memory + memory_size, page);
	memset(memory, BYTE, memory_size);
}

/* 0 or the errno */
static int start(int fd, char *address, __u64 size, __u32 flags)
{
	struct pin_longterm_test test = {
		.addr = (unsigned long)address,
		.size = size,
		.flags = flags,
	};

	return ioctl(fd, PIN_LONGTERM_TEST_START, &test) ? errno : 0;
}

static int stop(int fd)
{
	return ioctl(fd, PIN_LONGTERM_TEST_STOP) ? errno : 0;
}

static int read_to(int fd, char *address)
{
	__u64 to = (unsigned long)address;

	return ioctl(fd, PIN_LONGTERM_TEST_READ, &to) ? errno : 0;
}

static bool reads_back(int fd)
{
	char *copy = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good;

	if (copy == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	good = !read_to(fd, copy) && !memcmp(copy, memory, memory_size);
	munmap(copy, memory_size);
	return good;
}

/* What START is asked for: some pages from one of the memory's on, and some bytes more */
static const struct {
	const char *name;
	unsigned int first;
	unsigned int shift;	/* bytes by which the address is too high */
	unsigned int pages;
	__u64 more;
	__u32 flags;
	int protection;
	int expected;
} starts[] = {
	{ "all", 0, 0, PAGES, 0, 0, READ_WRITE, 0 },
	{ "all-fast", 0, 0, PAGES, 0, FAST, READ_WRITE, 0 },
	{ "for-writing", 0, 0, PAGES, 0, WRITE, READ_WRITE, 0 },
	{ "for-writing-fast", 0, 0, PAGES, 0, WRITE | FAST, READ_WRITE, 0 },
	{ "last-page-for-writing", PAGES - 1, 0, 1, 0, WRITE, READ_WRITE, 0 },
	{ "read-only", 0, 0, PAGES, 0, 0, PROT_READ, 0 },
	{ "unknown-flag", 0, 0, PAGES, 0, 4, READ_WRITE, EINVAL },
	{ "all-flags", 0, 0, PAGES, 0, ~0U, READ_WRITE, EINVAL },
	{ "nothing", 0, 0, 0, 0, 0, READ_WRITE, EINVAL },
	{ "not-whole-pages", 0, 0, 1, 512, 0, READ_WRITE, EINVAL },
	{ "not-at-a-page", 0, 512, 1, 0, 0, READ_WRITE, EINVAL },
	{ "more-than-a-long", 0, 0, 0, 1ULL << 63, 0, READ_WRITE, EINVAL },
	{ "more-than-memory", 0, 0, 0, 1ULL << 62, 0, READ_WRITE, ENOMEM },
	{ "unmapped", PAGES, 0, 1, 0, 0, READ_WRITE, EFAULT },
	{ "unmapped-fast", PAGES, 0, 1, 0, FAST, READ_WRITE, EFAULT },
	{ "end-unmapped", 1, 0, PAGES, 0, WRITE, READ_WRITE, EFAULT },
	{ "end-unmapped-fast", 1, 0, PAGES, 0, WRITE | FAST, READ_WRITE, EFAULT },
	{ "write-to-read-only", 0, 0, PAGES, 0, WRITE, PROT_READ, EFAULT },
	{ "write-to-read-only-fast", 0, 0, PAGES, 0, WRITE | FAST, PROT_READ, EFAULT },
	{ "no-access", 0, 0, PAGES, 0, 0, PROT_NONE, EFAULT },
	{ "no-access-fast", 0, 0, PAGES, 0, FAST, PROT_NONE, EFAULT },
};

/*
 * What is more than memory is more than a long, too, where the kernel is one of 32 bits,
 * which a program of 32 bits cannot tell.
 */
static bool is_expected(int error, int expected)
{
	return error == expected ||
	       (sizeof(long) == 4 && expected == ENOMEM && error == EINVAL);
}

static long held_since(const struct pin_counters *before)
{
	struct pin_counters pins = pin_counters_since(before);

	return pins.acquired - pins.released;
}

static void test_start(size_t i)
{
	size_t page = getpagesize();
	struct pin_counters before;
	long held, left;
	int fd, error;
	bool same;

	map_memory();
	if (mprotect(memory, memory_size, starts[i].protection))
		ksft_exit_fail_msg("mprotect: %s\n", strerror(errno));
	pin_counters_read(&before);
	fd = open_gup_test();
	error = start(fd, memory + starts[i].first * page + starts[i].shift,
		      starts[i].pages * page + starts[i].more, starts[i].flags);
	held = held_since(&before);
	same = error || starts[i].first || reads_back(fd);
	close(fd);
	left = pins_left_since(&before);
	munmap(memory, memory_size);
	ksft_test_result(is_expected(error, starts[i].expected) && !left && same &&
			 held == (error ? 0 : (long)starts[i].pages),
			 "start/%s: %s, must be %s; %ld pins held, %ld left%s\n",
			 starts[i].name, strerror(error), strerror(starts[i].expected),
			 held, left, same ? "" : "; other data is read");
}

/* Whatever it prints before its end is not one of the results. */
static pid_t fork_or_end(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	if (!child)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	return child;
}

/*
 * What else may be done.  Each returns NULL, or what is wrong; the memory is mapped,
 * the file is open, and pins that were held before are counted.
 */
static const char *stop_without_start(int fd, const struct pin_counters *before)
{
	(void)before;
	return stop(fd) || stop(fd) ? "STOP fails" : NULL;
}

static const char *read_without_start(int fd, const struct pin_counters *before)
{
	(void)before;
	return read_to(fd, memory) != EINVAL ? "READ is not EINVAL" : NULL;
}

static const char *read_after_stop(int fd, const struct pin_counters *before)
{
	if (start(fd, memory, memory_size, WRITE) || stop(fd))
		return "START or STOP fails";
	if (held_since(before))
		return "STOP does not release";
	return read_without_start(fd, before);
}

static const char *start_again(int fd, const struct pin_counters *before)
{
	for (int i = 0; i < 3; i++)
		if (start(fd, memory, memory_size, WRITE) || !reads_back(fd) || stop(fd))
			return "START, READ or STOP fails";
	return held_since(before) ? "STOP does not release" : NULL;
}

static const char *start_after_failure(int fd, const struct pin_counters *before)
{
	if (start(fd, memory + memory_size, getpagesize(), 0) != EFAULT)
		return "START of nothing is not EFAULT";
	return start_again(fd, before);
}

static const char *second_start(int fd, const struct pin_counters *before)
{
	if (start(fd, memory, memory_size, 0))
		return "START fails";
	if (start(fd, memory, getpagesize(), 0) != EINVAL)
		return "a second START is not EINVAL";
	if (held_since(before) != PAGES)
		return "a second START changes the pins";
	return reads_back(fd) ? NULL : "a second START changes what is read";
}

static const char *bad_pointers(int fd, const struct pin_counters *before)
{
	char *nothing = memory + memory_size;

	if (!ioctl(fd, PIN_LONGTERM_TEST_START, nothing) || errno != EFAULT)
		return "START from nowhere is not EFAULT";
	if (start(fd, memory, memory_size, 0))
		return "START fails";
	if (!ioctl(fd, PIN_LONGTERM_TEST_READ, nothing) || errno != EFAULT)
		return "READ without its argument is not EFAULT";
	if (read_to(fd, nothing) != EFAULT ||
	    read_to(fd, nothing - getpagesize()) != EFAULT)
		return "READ to nowhere is not EFAULT";
	if (held_since(before) != PAGES)
		return "a READ that fails changes the pins";
	return NULL;
}

static const char *unknown_ioctl(int fd, const struct pin_counters *before)
{
	(void)before;
	return !ioctl(fd, _IO('g', 10)) || errno != EINVAL ? "it is not EINVAL" : NULL;
}

static const char *read_after_munmap(int fd, const struct pin_counters *before)
{
	if (start(fd, memory, memory_size, 0))
		return "START fails";
	munmap(memory, memory_size);
	map_memory();
	memset(memory, 0, memory_size);
	if (read_to(fd, memory))
		return "READ fails";
	if (look_at(memory, memory_size).byte != BYTE)
		return "READ has other data";
	return held_since(before) == PAGES ? NULL : "munmap() changes the pins";
}

static const char *last_close_ends(int fd, const struct pin_counters *before)
{
	int first = open_gup_test(), second = dup(first);
	const char *wrong = NULL;

	(void)fd;
	if (start(first, memory, memory_size, 0))
		wrong = "START fails";
	close(first);
	if (!wrong && (held_since(before) != PAGES || !reads_back(second)))
		wrong = "pins end before the last close()";
	close(second);
	if (!wrong && held_since(before))
		wrong = "close() does not release";
	return wrong;
}

static const char *close_by_child(int fd, const struct pin_counters *before)
{
	pid_t child;

	if (start(fd, memory, memory_size, 0))
		return "START fails";
	child = fork_or_end();
	if (!child) {
		close(fd);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return held_since(before) == PAGES && reads_back(fd) ? NULL :
		"the end of a child ends the pins";
}

static const char *kill_ends(int fd, const struct pin_counters *before)
{
	int ready[2], status = -1;
	char byte = 0;
	pid_t child;

	(void)fd;
	if (pipe(ready))
		return "no pipe";
	child = fork_or_end();
	if (!child) {
		fd = open_gup_test();
		byte = start(fd, memory, memory_size, WRITE);
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1 && !byte && held_since(before) == PAGES)
		status = 0;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	if (status)
		return "START fails";
	return held_since(before) ? "SIGKILL does not release" : NULL;
}

#define ONE_AT_A_TIME	"gup_test of this kernel holds one pin at a time"

static const char *two_files(int fd, const struct pin_counters *before)
{
	int other = open_gup_test(), error;
	const char *wrong = NULL;

	if (start(fd, memory, memory_size, 0)) {
		close(other);
		return "START fails";
	}
	error = start(other, memory, getpagesize(), WRITE);
	if (error == EINVAL)
		wrong = ONE_AT_A_TIME;
	else if (error || held_since(before) != PAGES + 1)
		wrong = "a file cannot pin what another one has pinned";
	close(other);
	if (!wrong && held_since(before) != PAGES)
		wrong = "one file's close() ends another one's pins";
	return wrong;
}

#define NO_COMPAT	"needs CONFIG_IA32_EMULATION"

#ifdef __x86_64__
/*
 * A 32-bit process calls the kernel by int 0x80, and so may a 64-bit one, as long as
 * its pointers are below 4 GiB.  Its structures have no padding at the end, and other
 * ioctl numbers for that.
 */
#define NR_IOCTL_32	54
#define PIN_LONGTERM_TEST_SIZE_32	20
#define GUP_TEST_SIZE_32		76
#define START_32	_IOC(_IOC_WRITE, 'g', 7, PIN_LONGTERM_TEST_SIZE_32)
#define PIN_FAST_32	_IOC(_IOC_READ | _IOC_WRITE, 'g', 2, GUP_TEST_SIZE_32)

static int ioctl_32(int fd, unsigned int request, const void *argument)
{
	int result;

	asm volatile("int $0x80" : "=a"(result)
		     : "a"(NR_IOCTL_32), "b"(fd), "c"(request), "d"(argument)
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static bool int80_works(void)
{
	int status;
	pid_t child = fork_or_end();

	if (!child) {
		/* Without it, this is a segmentation fault. */
		ioctl_32(-1, 0, NULL);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

/* A page below 4 GiB with nothing behind it */
static char *map_low(void)
{
	size_t page = getpagesize();
	char *low = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		ksft_exit_fail_msg("mmap below 4 GiB: %s\n", strerror(errno));
	munmap(low + page, page);
	return low;
}

/* The structure is the last in the page. */
static const char *compat(int fd, unsigned int start_request, size_t size,
			  const struct pin_counters *before)
{
	struct pin_longterm_test test = { (unsigned long)memory, memory_size, WRITE };
	__u64 address = (unsigned long)memory;
	const char *wrong = NULL;
	char *low, *end;

	if (!int80_works())
		return NO_COMPAT;
	low = map_low();
	end = low + getpagesize();
	memcpy(low, &address, sizeof(address));
	memcpy(end - size, &test, size);
	if (ioctl_32(fd, start_request, end - size))
		wrong = "START fails";
	else if (held_since(before) != PAGES)
		wrong = "START does not pin";
	else if (ioctl_32(fd, PIN_LONGTERM_TEST_READ, low))
		wrong = "READ fails";
	else if (ioctl_32(fd, PIN_LONGTERM_TEST_STOP, NULL) || held_since(before))
		wrong = "STOP fails";
	munmap(low, getpagesize());
	return wrong;
}

static const char *compat_padded(int fd, const struct pin_counters *before)
{
	return compat(fd, PIN_LONGTERM_TEST_START, sizeof(struct pin_longterm_test), before);
}

static const char *compat_not_padded(int fd, const struct pin_counters *before)
{
	return compat(fd, START_32, PIN_LONGTERM_TEST_SIZE_32, before);
}

static const char *compat_benchmark(int fd, const struct pin_counters *before)
{
	struct gup_test test = {
		.addr = (unsigned long)memory,
		.size = memory_size,
		.nr_pages_per_call = PAGES,
	};
	const char *wrong = NULL;
	char *low, *end;

	if (!int80_works())
		return NO_COMPAT;
	low = map_low();
	end = low + getpagesize();
	memcpy(end - GUP_TEST_SIZE_32, &test, GUP_TEST_SIZE_32);
	if (ioctl_32(fd, PIN_FAST_32, end - GUP_TEST_SIZE_32))
		wrong = "PIN_FAST_BENCHMARK fails";
	memcpy(&test, end - GUP_TEST_SIZE_32, GUP_TEST_SIZE_32);
	/* More, if GUP-fast has given one up: int80_works() forks. */
	if (test.size != memory_size || pin_counters_since(before).acquired < PAGES)
		wrong = "it does not pin all of it";
	munmap(low, getpagesize());
	return wrong;
}
#endif

static const struct {
	const char *name;
	const char *(*run)(int fd, const struct pin_counters *before);
} sequences[] = {
	{ "stop-without-start", stop_without_start },
	{ "read-without-start", read_without_start },
	{ "read-after-stop", read_after_stop },
	{ "start-again", start_again },
	{ "start-after-failure", start_after_failure },
	{ "second-start", second_start },
	{ "bad-pointers", bad_pointers },
	{ "unknown-ioctl", unknown_ioctl },
	{ "read-after-munmap", read_after_munmap },
	{ "last-close-ends", last_close_ends },
	{ "close-by-child", close_by_child },
	{ "kill-ends", kill_ends },
	{ "two-files", two_files },
#ifdef __x86_64__
	{ "compat/padded", compat_padded },
	{ "compat/not-padded", compat_not_padded },
	{ "compat/benchmark", compat_benchmark },
#endif
};

static void test_sequence(size_t i)
{
	struct pin_counters before;
	const char *wrong;
	long left;
	int fd;

	map_memory();
	pin_counters_read(&before);
	fd = open_gup_test();
	wrong = sequences[i].run(fd, &before);
	close(fd);
	left = pins_left_since(&before);
	munmap(memory, memory_size);
	if (!left && wrong && (!strcmp(wrong, ONE_AT_A_TIME) || !strcmp(wrong, NO_COMPAT)))
		ksft_test_result_skip("%s: %s\n", sequences[i].name, wrong);
	else
		ksft_test_result(!wrong && !left, "%s: %s; %ld pins left\n",
				 sequences[i].name, wrong ?: "good", left);
}

int main(int argc, char **argv)
{
	const char *missing = longterm_pins_missing();
	struct pin_counters counters;

	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: pin_ioctls\n");
		return KSFT_FAIL;
	}
	ksft_print_header();
	if (!missing && !pin_counters_read(&counters))
		missing = "only root can count pins";
	if (missing)
		ksft_exit_skip("%s\n", missing);
	ksft_set_plan(ARRAY_SIZE(starts) + ARRAY_SIZE(sequences));
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		test_start(i);
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++)
		test_sequence(i);
	ksft_finished();
}
