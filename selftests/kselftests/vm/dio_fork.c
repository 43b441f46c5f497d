// SPDX-License-Identifier: GPL-2.0
/*
 * A process forks while one of its O_DIRECT reads is in flight, and stores to the page
 * that is read into, next to the data.  The data must arrive where the process sees
 * it, and its child must see nothing of either.
 *
 * If the kernel takes no more than a reference to the page, fork() shares it, the store
 * gets the process a copy, and the device fills the page that only the child still has.
 * The read returns success and the data are lost.
 *
 * In each test a read is stopped when it has taken its pages: see read_gate.h.  Without
 * fork(), and into shared memory, all kernels pass.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "../kselftest.h"
#include "pin_memory.h"
#include "pin_util.h"
#include "read_gate.h"

#define FILE_SIZE	(256UL << 10)
#define LARGEST_BLOCK	65536
#define STORED		0x77

/* A read of two places at once, from the beginning of a file */
struct read {
	const struct way *way;
	int fd;
	struct iovec iovecs[2];
	pthread_t thread;
	ssize_t result;		/* or a negative errno */
	bool ended;
};

struct way {
	const char *name;
	ssize_t (*call)(struct read *read);
};

static ssize_t call_preadv(struct read *read)
{
	ssize_t result = preadv(read->fd, read->iovecs, 2, 0);

	return result < 0 ? -errno : result;
}

static ssize_t call_readv(struct read *read)
{
	ssize_t result = -1;

	if (!lseek(read->fd, 0, SEEK_SET))
		result = readv(read->fd, read->iovecs, 2);
	return result < 0 ? -errno : result;
}

static ssize_t call_aio(struct read *read)
{
	struct iocb command = {
		.aio_fildes = read->fd,
		.aio_lio_opcode = IOCB_CMD_PREADV,
		.aio_buf = (unsigned long)read->iovecs,
		.aio_nbytes = 2,
	};
	struct iocb *commands = &command;
	aio_context_t context = 0;
	struct io_event event;
	long result;

	if (syscall(__NR_io_setup, 1, &context))
		return -errno;
	result = syscall(__NR_io_submit, context, 1, &commands);
	if (result == 1) {
		do
			result = syscall(__NR_io_getevents, context, 1, 1, &event, NULL);
		while (result < 0 && errno == EINTR);
	}
	result = result == 1 ? event.res : -errno;
	syscall(__NR_io_destroy, context);
	return result;
}

static ssize_t call_io_uring(struct read *read)
{
	struct raw_io_uring ring;
	ssize_t result = raw_io_uring_open(&ring);

	if (result)
		return result;
	result = raw_io_uring_readv(&ring, read->fd, read->iovecs, 2, 0);
	raw_io_uring_close(&ring);
	return result;
}

static const struct way ways[] = {
	{ "preadv", call_preadv },
	{ "readv", call_readv },
	{ "aio", call_aio },
	{ "io_uring", call_io_uring },
};

/* What happens to the memory while the read is in flight */
struct event {
	const char *name;
	unsigned int before;	/* children that are there before the read starts */
	unsigned int during;	/* ... and that fork() makes while it is in flight */
};

static const struct event events[] = {
	{ "nothing", 0, 0 },
	{ "fork", 0, 1 },
	{ "fork-twice", 0, 2 },
	{ "fork-again", 1, 1 },
};

#define MAX_CHILDREN	2

/* Where it is read from */
static struct {
	int fd;			/* O_DIRECT */
	size_t block;		/* the smallest read */
	char *data;		/* what is there */
} source;

static struct read_gate gate;

static void *run_read(void *arg)
{
	struct read *read = arg;

	read->result = read->way->call(read);
	__atomic_store_n(&read->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static void must(bool done, const char *what)
{
	if (!done)
		ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

struct scene {
	const struct memory_kind *memory;
	const struct way *way;
	const struct event *event;
	struct mapping mapping;
	struct child children[MAX_CHILDREN];
	unsigned int nr_children;
};

/* NULL, or what is wrong */
static const char *fork_children(struct scene *scene, unsigned int number)
{
	for (; number; number--) {
		if (child_start(&scene->children[scene->nr_children],
				scene->mapping.start, scene->mapping.size))
			return "fork() failed";
		scene->nr_children++;
	}
	return NULL;
}

/*
 * The process stores to the page that is read into: behind the data, or, if those are
 * whole pages, where they will be.  A store there before the device has written, as it
 * is here, is lost on purpose.
 */
static size_t place_to_store(void)
{
	return source.block < (size_t)getpagesize() ? source.block : 0;
}

/* Returns false if the read ended without having been held. */
static bool start_read(struct read *read)
{
	read_gate_shut(&gate);
	read->iovecs[1].iov_base = gate.last_page;
	errno = pthread_create(&read->thread, NULL, run_read, read);
	must(!errno, "pthread_create");
	if (read_gate_wait(&gate, &read->ended))
		return true;
	pthread_join(read->thread, NULL);
	return false;
}

static void end_read(struct read *read)
{
	read_gate_let_go(&gate);
	pthread_join(read->thread, NULL);
}

static const char *read_with_event(struct scene *scene, struct read *read)
{
	const char *wrong;

	if (!start_read(read))
		return "the read was not held";
	wrong = fork_children(scene, scene->event->during);
	scene->mapping.start[place_to_store()] = STORED;
	end_read(read);
	return wrong;
}

static const char *check_memory(const struct scene *scene)
{
	char *start = scene->mapping.start;
	size_t stored = place_to_store();

	if (memcmp(start, source.data, source.block))
		return "the data that were read are lost";
	if (stored && start[stored] != STORED)
		return "what the process stored is lost";
	if (memcmp(gate.last_page, source.data + source.block, source.block))
		return "the data in the last page are lost";
	return NULL;
}

static const char *check_children(const struct scene *scene)
{
	if (scene->memory->traits & MEMORY_SHARED)
		return NULL;
	for (unsigned int i = 0; i < scene->nr_children; i++)
		if (child_look(&scene->children[i]).byte != scene->mapping.byte)
			return "a child's memory has changed";
	return NULL;
}

static const char *play(struct scene *scene)
{
	struct read read = {
		.way = scene->way,
		.fd = source.fd,
		.iovecs = { { scene->mapping.start, source.block },
			    { NULL, source.block } },
	};
	static char text[64];
	const char *wrong;

	wrong = fork_children(scene, scene->event->before);
	if (!wrong)
		wrong = read_with_event(scene, &read);
	if (!wrong && read.result != 2 * (ssize_t)source.block) {
		snprintf(text, sizeof(text), "read %zd bytes of %zu", read.result,
			 2 * source.block);
		wrong = text;
	}
	if (!wrong)
		wrong = check_memory(scene);
	if (!wrong)
		wrong = check_children(scene);
	while (scene->nr_children)
		child_end(&scene->children[--scene->nr_children]);
	return wrong;
}

static const char *way_missing(const struct way *way)
{
	aio_context_t context = 0;

	if (way->call == call_io_uring)
		return io_uring_missing();
	if (way->call == call_aio) {
		if (syscall(__NR_io_setup, 1, &context))
			return "no io_setup(): needs CONFIG_AIO, and room below fs.aio-max-nr";
		syscall(__NR_io_destroy, context);
	}
	return NULL;
}

static void test(struct scene *scene)
{
	const char *missing = way_missing(scene->way), *wrong = NULL;

	if (!missing)
		missing = scene->memory->map(&scene->mapping);
	if (!missing)
		wrong = play(scene);
	memory_unmap(&scene->mapping);
	if (missing)
		ksft_test_result_skip("%s/%s/%s: %s\n", scene->memory->name,
				      scene->way->name, scene->event->name, missing);
	else
		ksft_test_result(!wrong, "%s/%s/%s%s%s\n", scene->memory->name,
				 scene->way->name, scene->event->name,
				 wrong ? ": " : "", wrong ?: "");
}

/*
 * Whether reads of that size leave out the page cache.  Some file systems take it for
 * what is not aligned as they need it, in spite of O_DIRECT.  A read through it fills
 * the first place before it gets to the last page.
 */
static bool is_read_directly(size_t block, char *to)
{
	struct read read = {
		.way = &ways[0],
		.fd = source.fd,
		.iovecs = { { to, block }, { NULL, block } },
	};
	bool direct;

	memset(to, 0, block);
	if (!start_read(&read))
		return false;
	direct = memcmp(to, source.data, block);
	end_read(&read);
	return direct;
}

/* The smallest size of a direct read that fits into a page; 0 if there is none */
static size_t find_block(char *to)
{
	size_t block;

	for (block = 512; block <= (size_t)getpagesize(); block *= 2)
		if (is_read_directly(block, to))
			return block;
	return 0;
}

/* What the tests can say nothing about; not all headers have all of their magic numbers. */
static const struct {
	const char *name;
	unsigned int magic;
	const char *missing;
} unfit[] = {
#define FAULTS_IN	"faults pages in before it takes them: name another directory"
	{ "btrfs", 0x9123683e, FAULTS_IN },
	{ "gfs2", 0x01161970, FAULTS_IN },
#define IS_NO_BIO	"sends direct reads over a network or to a server: name another directory"
	{ "nfs", 0x00006969, IS_NO_BIO },
	{ "fuse", 0x65735546, IS_NO_BIO },
	{ "9p", 0x01021997, IS_NO_BIO },
	{ "cifs", 0xff534d42, IS_NO_BIO },
	{ "smb2", 0xfe534d42, IS_NO_BIO },
	{ "ceph", 0x00c36400, IS_NO_BIO },
#define IS_OVER_ANY	"may be over any of the others: name another directory"
	{ "overlayfs", 0x794c7630, IS_OVER_ANY },
};

static const char *unfit_for_tests(unsigned int magic)
{
	static char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
		if (unfit[i].magic == magic) {
			snprintf(text, sizeof(text), "%s %s", unfit[i].name, unfit[i].missing);
			return text;
		}
	return NULL;
}

/* What is missing for it, or NULL */
static const char *make_file(const char *directory)
{
	char name[4096];
	struct statfs fs;
	int fd;

	snprintf(name, sizeof(name), "%s/dio-XXXXXX", directory);
	fd = mkstemp(name);
	if (fd < 0)
		return "cannot write to the directory: name another one";
	source.fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
	unlink(name);
	must(write(fd, source.data, FILE_SIZE) == (ssize_t)FILE_SIZE && !fsync(fd), "write");
	must(!fstatfs(fd, &fs), "fstatfs");
	close(fd);
	if (source.fd < 0)
		return "no O_DIRECT on that file system: name another directory";
	return unfit_for_tests(fs.f_type);
}

/* Overwrites the beginning of the device, whose writes are not delayed. */
static const char *fill_device(const char *name)
{
	char path[256];
	int block;

	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	source.fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (source.fd < 0)
		return "the device cannot be opened";
	must(!ioctl(source.fd, BLKSSZGET, &block), "BLKSSZGET");
	source.block = block;
	must(pwrite(source.fd, source.data, FILE_SIZE, 0) == (ssize_t)FILE_SIZE,
	     "write to the device");
	return NULL;
}

static const char *open_source(const char *directory)
{
	const char *missing;
	void *aligned, *probe;

	errno = posix_memalign(&aligned, LARGEST_BLOCK, FILE_SIZE);
	must(!errno, "posix_memalign");
	source.data = aligned;
	for (size_t i = 0; i < FILE_SIZE; i++)
		source.data[i] = 0x80 | i % 97;
	if (gate.dm_name)
		return fill_device(gate.dm_name);

	missing = make_file(directory);
	if (missing)
		return missing;
	errno = posix_memalign(&probe, getpagesize(), getpagesize());
	must(!errno, "posix_memalign");
	source.block = find_block(probe);
	free(probe);
	if (!source.block)
		return "no direct reads of a page or less there: name another directory";
	return NULL;
}

static void run_tests(void)
{
	for (unsigned int memory = 0; memory < nr_memory_kinds; memory++)
		for (size_t way = 0; way < ARRAY_SIZE(ways); way++)
			for (size_t event = 0; event < ARRAY_SIZE(events); event++)
				test(&(struct scene) {
					.memory = &memory_kinds[memory],
					.way = &ways[way],
					.event = &events[event],
				});
}

static int print_usage(void)
{
	fprintf(stderr,
		"usage: dio_fork [DIRECTORY]\n"
		"       dio_fork -d NAME [DIRECTORY]\n"
		"Reads a file that it makes in DIRECTORY, or in $TMPDIR or /tmp, on a file\n"
		"system with O_DIRECT; or the dm-delay device NAME, which it overwrites, and\n"
		"which delays reads by an hour and writes not at all.\n");
	return KSFT_FAIL;
}

int main(int argc, char **argv)
{
	const char *directory = getenv("TMPDIR") ?: "/tmp", *dm_name = NULL, *missing;
	struct pin_counters before;
	bool counted;
	int option;
	long left;

	while ((option = getopt(argc, argv, "d:")) != -1) {
		if (option != 'd')
			return print_usage();
		dm_name = optarg;
	}
	if (argc > optind + 1)
		return print_usage();
	if (optind < argc)
		directory = argv[optind];
	memory_files_in(directory);

	ksft_print_header();
	/* Before the reads of open_source(), whose pages may be released later */
	counted = pin_counters_read(&before);
	missing = read_gate_open(&gate, dm_name);
	if (!missing)
		missing = open_source(directory);
	if (missing)
		ksft_exit_skip("%s\n", missing);
	ksft_set_plan(nr_memory_kinds * ARRAY_SIZE(ways) * ARRAY_SIZE(events) + 1);
	ksft_print_msg("reads of %zu bytes\n", source.block);
	run_tests();
	left = pins_left_since(&before);
	if (!counted)
		ksft_test_result_skip("no-pin-is-left: only root can count them\n");
	else
		ksft_test_result(!left, "no-pin-is-left: %ld left\n", left);
	ksft_finished();
}
