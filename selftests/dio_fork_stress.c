// SPDX-License-Identifier: GPL-2.0
/*
 * Direct reads at random while the process forks and execs without pause.
 *
 * Threads read blocks of 512 bytes to 1 MiB from random places into random
 * places of one arena, aligned to 512 bytes and not to pages, and check what
 * they got.  Blocks are put side by side where there is room, so that one thread
 * stores into a page while another waits for data in it.  The same without forks is
 * the control.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "pattern.h"

#define READERS		16
#define MAX_SECTORS	2048u	/* 1 MiB; a multiple of each unit */
/* Twice what all can use at once: one gap is always large enough */
#define ARENA_SECTORS	(2 * READERS * MAX_SECTORS)
/*
 * Fewer reads or forks prove nothing.  Beside other tests there are fewer, and on a slow
 * machine it takes longer, up to so many times the seconds, until there are enough.
 */
#define PATIENCE		12
#define ENOUGH(seconds)		(20 * (seconds))
#define ENOUGH_BESIDE(seconds)	((seconds) / 10 + 1)
#define POISON		0x5a
#define EXEC_CHILD	"--exit"

static struct {
	int fd;
	unsigned int unit;	/* of a read, in sectors */
	unsigned int enough;
	off_t file_sectors;
	char *memory;
	pthread_mutex_t lock;
	bool taken[ARENA_SECTORS];
	atomic_bool stop;
	atomic_uint blocks, bad, forks;
} arena = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned int random_below(unsigned int limit, unsigned int *seed)
{
	return (unsigned int)rand_r(seed) % limit;
}

/* Each power of two is as likely as the next, so that most blocks are small. */
static unsigned int random_sectors(unsigned int *seed)
{
	unsigned int most = 1u << random_below(12, seed);

	unsigned int sectors = 1 + random_below(most < MAX_SECTORS ? most : MAX_SECTORS, seed);

	return (sectors + arena.unit - 1) / arena.unit * arena.unit;
}

/* The first sector from a random one on that follows a block in use, if any */
static unsigned int behind_another_block(unsigned int *seed)
{
	unsigned int start = random_below(ARENA_SECTORS, seed);

	for (unsigned int i = 0; i < ARENA_SECTORS; i++) {
		unsigned int at = (start + i) % ARENA_SECTORS;

		if (at && arena.taken[at - 1] && !arena.taken[at])
			return at;
	}
	return start / arena.unit * arena.unit;
}

static bool is_free(unsigned int first, unsigned int sectors)
{
	return first + sectors <= ARENA_SECTORS &&
	       !memchr(arena.taken + first, true, sectors);
}

static unsigned int take_place(unsigned int sectors, unsigned int *seed)
{
	unsigned int first;

	pthread_mutex_lock(&arena.lock);
	first = behind_another_block(seed);
	while (!is_free(first, sectors))
		first = random_below(ARENA_SECTORS / arena.unit, seed) * arena.unit;
	memset(arena.taken + first, true, sectors);
	pthread_mutex_unlock(&arena.lock);
	return first;
}

static void give_back_place(unsigned int first, unsigned int sectors)
{
	pthread_mutex_lock(&arena.lock);
	memset(arena.taken + first, false, sectors);
	pthread_mutex_unlock(&arena.lock);
}

static void read_and_check_block(unsigned int *seed)
{
	unsigned int sectors = random_sectors(seed);
	unsigned int place = take_place(sectors, seed);
	size_t size = (size_t)sectors * SECTOR;
	off_t from = (off_t)random_below((arena.file_sectors - sectors) / arena.unit, seed) *
		     arena.unit * SECTOR;
	char *to = arena.memory + (size_t)place * SECTOR;
	ssize_t bytes;

	memset(to, POISON, size);
	bytes = pread(arena.fd, to, size, from);
	if (bytes != (ssize_t)size)
		ktap_bail_out("read of %zu bytes at %lld gives %zd", size,
			      (long long)from, bytes);
	atomic_fetch_add(&arena.blocks, 1);
	if (!pattern_is_at(to, size, from))
		atomic_fetch_add(&arena.bad, 1);
	give_back_place(place, sectors);
}

static void *reader(void *argument)
{
	unsigned int seed = (unsigned int)(uintptr_t)argument;

	while (!atomic_load(&arena.stop))
		read_and_check_block(&seed);
	return NULL;
}

static void *forker(void *argument)
{
	(void)argument;
	while (!atomic_load(&arena.stop)) {
		pid_t pid = fork();
		int status;

		if (pid < 0)
			ktap_bail_out("fork");
		if (!pid) {
			execl("/proc/self/exe", "dio_fork_stress", EXEC_CHILD, NULL);
			_exit(1);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			ktap_bail_out("child ended with status %#x", status);
		atomic_fetch_add(&arena.forks, 1);
	}
	return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), unsigned int seed)
{
	errno = pthread_create(thread, NULL, function, (void *)(uintptr_t)seed);
	if (errno)
		ktap_bail_out("pthread_create");
}

static bool is_enough(bool with_forks)
{
	return atomic_load(&arena.blocks) >= arena.enough &&
	       (!with_forks || atomic_load(&arena.forks) >= arena.enough);
}

static void test(const char *name, bool with_forks, unsigned int seconds)
{
	pthread_t readers[READERS], forks;
	unsigned int bad;

	atomic_store(&arena.stop, false);
	atomic_store(&arena.blocks, 0);
	atomic_store(&arena.bad, 0);
	atomic_store(&arena.forks, 0);
	for (unsigned int i = 0; i < READERS; i++)
		start(&readers[i], reader, i + 1);
	if (with_forks)
		start(&forks, forker, 0);
	sleep(seconds);
	for (unsigned int i = seconds; i < PATIENCE * seconds && !is_enough(with_forks); i++)
		sleep(1);
	atomic_store(&arena.stop, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	if (with_forks)
		pthread_join(forks, NULL);

	bad = atomic_load(&arena.bad);
	ktap_result(!bad && is_enough(with_forks), name, "bad %u of %u, %u forks", bad,
		    atomic_load(&arena.blocks), atomic_load(&arena.forks));
}

static int usage(void)
{
	fprintf(stderr, "usage: dio_fork_stress [-ck] [-b BYTES] [-s SECONDS] FILE\n"
		"FILE holds the pattern of write_pattern, 2 MiB of it or more.\n"
		"-b gives the smallest direct read.  -c leaves out the control, for a\n"
		"test beside others, and -k lets KSM look at the memory.\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool control = true, merge = false;
	unsigned int seconds = 10;
	int option;

	if (argc == 2 && !strcmp(argv[1], EXEC_CHILD))
		return 0;
	arena.unit = 1;
	while ((option = getopt(argc, argv, "b:cks:")) != -1) {
		if (option == 'c')
			control = false;
		else if (option == 'k')
			merge = true;
		else if (option == 'b' && atoi(optarg) >= SECTOR)
			arena.unit = atoi(optarg) / SECTOR;
		else if (option == 's' && atoi(optarg) >= 1)
			seconds = atoi(optarg);
		else
			return usage();
	}
	if (optind != argc - 1)
		return usage();

	arena.fd = open(argv[optind], O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (arena.fd < 0)
		ktap_bail_out("open %s", argv[optind]);
	arena.file_sectors = lseek(arena.fd, 0, SEEK_END) / SECTOR;
	if (arena.file_sectors < 2 * MAX_SECTORS)
		return usage();
	arena.memory = mmap(NULL, (size_t)ARENA_SECTORS * SECTOR,
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	if (arena.memory == MAP_FAILED)
		ktap_bail_out("mmap");
	if (merge && madvise(arena.memory, (size_t)ARENA_SECTORS * SECTOR, MADV_MERGEABLE))
		ktap_bail_out("madvise(MADV_MERGEABLE)");

	arena.enough = control ? ENOUGH(seconds) : ENOUGH_BESIDE(seconds);
	ktap_plan(1 + control);
	test("random-reads/fork", true, seconds);
	if (control)
		test("random-reads/control", false, seconds);
	return ktap_exit_status();
}
