// SPDX-License-Identifier: GPL-2.0
/*
 * Who sees what when a process forks before or after it pins memory, and stores to
 * it then?  Of private memory, the pin, which stands for a device, must see what the
 * process sees that took it, and its child neither of the two.  Of shared memory all
 * see the same.
 *
 * Behind that are three rules, and root can see those too, by page frames:
 * - fork() copies an anonymous page that is pinned, instead of sharing it;
 * - a page that is shared is copied before it is pinned, also for reading only
 *   (unsharing), so that the process that pins keeps the page and the pin;
 * - a page that is not pinned any more is shared again.
 *
 * Each kind of memory, way to pin, order of fork() and pin, and order of stores is
 * one test, and has a process of its own: fork() looks for pinned pages only in one that
 * has ever pinned any, and each way to pin must see to that itself.  Tests that take pins
 * by gup_test need root, those by io_uring do not.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../kselftest.h"
#include "pin_memory.h"
#include "pin_util.h"

#define PARENT_BYTE	0x22
#define CHILD_BYTE	0x33

enum actor { NOBODY, CHILD_STORES, PARENT_STORES, CHILD_EXITS };

struct order {
	const char *name;
	enum actor steps[2];
};

static const bool forks_first[] = { true, false };

static const struct order orders[] = {
	{ "child-stores-first", { CHILD_STORES, PARENT_STORES } },
	{ "parent-stores-first", { PARENT_STORES, CHILD_STORES } },
	{ "child-exits", { CHILD_EXITS, PARENT_STORES } },
};

/* Good until something is found that is not */
struct verdict {
	bool bad;
	bool pin_is_bad;	/* as one is of a page that is not the process's own */
	char why[128];
};

static void explain(struct verdict *verdict, const char *format, va_list args)
{
	vsnprintf(verdict->why, sizeof(verdict->why), format, args);
}

static void expect(struct verdict *verdict, bool good, const char *format, ...)
{
	va_list args;

	if (good || verdict->bad)
		return;
	verdict->bad = true;
	va_start(args, format);
	explain(verdict, format, args);
	va_end(args);
}

static void expect_of_pin(struct verdict *verdict, bool good, const char *format, ...)
{
	va_list args;

	if (good || verdict->bad || verdict->pin_is_bad)
		return;
	verdict->pin_is_bad = true;
	va_start(args, format);
	explain(verdict, format, args);
	va_end(args);
}

struct scene {
	const struct memory_kind *memory;
	const struct pin_way *way;
	bool fork_first;
	const struct order *order;

	struct mapping mapping;
	struct pin pin;
	struct child child;
	bool child_lives;
	struct view at_pin;		/* of the process that pinned */
	char *seen;			/* by the pin */
	int parent_byte, child_byte;	/* that each must see */
	struct verdict verdict;
	const char *missing;
	bool refused;			/* as the pin may be */
	bool ended;			/* the process of the test has come to its end */
};

static bool is_shared(const struct scene *scene)
{
	return scene->memory->traits & MEMORY_SHARED;
}

/*
 * Before 6.2, a read-only pin of a private mapping takes the zero page or the page of
 * the file that is mapped, even if the pin is to last: FAULT_FLAG_UNSHARE is for
 * anonymous pages only.  The next store gets the process another page.
 */
static bool pins_what_is_not_its_own(const struct scene *scene)
{
	return !scene->way->write && scene->way->held && !is_shared(scene) &&
	       scene->memory->traits & MEMORY_NOT_ANONYMOUS;
}

/* Whether the frames of parent and child are different once both is done */
static bool must_have_own_frames(const struct scene *scene)
{
	if (is_shared(scene))
		return false;
	if (!scene->fork_first)
		return scene->way->held;
	/* A short pin may read what is nobody's own, as nobody can store to that. */
	return scene->way->write || scene->way->held ||
	       !(scene->memory->traits & MEMORY_NOT_ANONYMOUS);
}

static void check(struct scene *scene, const char *when)
{
	struct verdict *verdict = &scene->verdict;
	struct view parent = look_at(scene->mapping.start, scene->mapping.size);
	struct view child, pin;

	expect(verdict, parent.byte == scene->parent_byte,
	       "%s: the parent sees %#x, not %#x", when, parent.byte, scene->parent_byte);
	if (scene->child_lives) {
		child = child_look(&scene->child);
		expect(verdict, child.byte == scene->child_byte,
		       "%s: the child sees %#x, not %#x", when, child.byte,
		       scene->child_byte);
	}
	if (scene->way->held) {
		pin_read(&scene->pin, scene->seen);
		pin = look_at(scene->seen, scene->mapping.size);
		expect_of_pin(verdict, pin.byte == scene->parent_byte,
			      "%s: the pin sees %#x, not %#x", when, pin.byte,
			      scene->parent_byte);
		expect_of_pin(verdict, !frames_are_visible() ||
			      same_frames(&parent, &scene->at_pin),
			      "%s: the parent has other pages than are pinned", when);
	}
}

static void check_frames(struct scene *scene)
{
	struct view parent, child;

	if (!frames_are_visible())
		return;
	child = child_look(&scene->child);
	parent = look_at(scene->mapping.start, scene->mapping.size);
	if (must_have_own_frames(scene))
		expect_of_pin(&scene->verdict, no_common_frame(&parent, &child),
			      "parent and child share a page that is pinned");
	else
		expect(&scene->verdict, same_frames(&parent, &child),
		       "parent and child do not share a page that is not pinned");
}

static void step(struct scene *scene, enum actor actor)
{
	switch (actor) {
	case CHILD_STORES:
		child_fill(&scene->child, CHILD_BYTE);
		scene->child_byte = CHILD_BYTE;
		if (is_shared(scene))
			scene->parent_byte = CHILD_BYTE;
		check(scene, "after the child's store");
		break;
	case PARENT_STORES:
		memset(scene->mapping.start, PARENT_BYTE, scene->mapping.size);
		scene->parent_byte = PARENT_BYTE;
		if (is_shared(scene))
			scene->child_byte = PARENT_BYTE;
		check(scene, "after the parent's store");
		break;
	case CHILD_EXITS:
		child_end(&scene->child);
		scene->child_lives = false;
		check(scene, "after the child's end");
		break;
	case NOBODY:
		break;
	}
}

/* Returns false if fork() failed. */
static bool start_child(struct scene *scene)
{
	int error = child_start(&scene->child, scene->mapping.start, scene->mapping.size);

	expect(&scene->verdict, !error, "fork: %s", strerror(-error));
	scene->child_lives = !error;
	return !error;
}

/*
 * A pin for writing that is to last may be refused for a file that is written back: by
 * io_uring for any mapping of it before 6.5, and by all for a shared one from then on.
 */
static bool may_be_refused(const struct scene *scene, int error)
{
	if (!scene->way->write || !scene->way->held)
		return false;
	if (kernel_is_at_least(6, 5))
		return !strcmp(scene->memory->name, "file-shared") &&
		       (error == -EFAULT || error == -EOPNOTSUPP);
	return !strcmp(scene->way->name, "io_uring-buffer") && error == -EOPNOTSUPP &&
	       !strncmp(scene->memory->name, "file-", strlen("file-"));
}

/* Returns false if there is no pin. */
static bool take_pin(struct scene *scene)
{
	int error = pin_take(&scene->pin, scene->way, scene->mapping.start,
			     scene->mapping.size);

	scene->refused = error && may_be_refused(scene, error);
	expect(&scene->verdict, !error || scene->refused, "pin: %s", strerror(-error));
	scene->at_pin = look_at(scene->mapping.start, scene->mapping.size);
	return !error;
}

static void play(struct scene *scene)
{
	bool pinned;

	scene->parent_byte = scene->mapping.byte;
	scene->child_byte = scene->mapping.byte;
	if (scene->fork_first && !start_child(scene))
		return;
	pinned = take_pin(scene);
	if (pinned && (scene->fork_first || start_child(scene))) {
		check_frames(scene);
		check(scene, "at first");
		for (size_t i = 0; i < ARRAY_SIZE(scene->order->steps); i++)
			step(scene, scene->order->steps[i]);
	}
	if (scene->child_lives)
		child_end(&scene->child);
	if (pinned)
		pin_release(&scene->pin);
}

static void report(const struct scene *scene)
{
	bool known = pins_what_is_not_its_own(scene) && !kernel_is_at_least(6, 2);
	const struct verdict *verdict = &scene->verdict;
	char name[96];

	snprintf(name, sizeof(name), "%s/%s/%s/%s", scene->memory->name, scene->way->name,
		 scene->fork_first ? "fork-first" : "pin-first", scene->order->name);
	if (scene->missing)
		ksft_test_result_skip("%s: %s\n", name, scene->missing);
	else if (verdict->pin_is_bad && !verdict->bad && known)
		ksft_test_result_xfail("%s: only anonymous pages are unshared before 6.2: %s\n",
				       name, verdict->why);
	else if (verdict->bad || verdict->pin_is_bad)
		ksft_test_result_fail("%s: %s\n", name, verdict->why);
	else if (scene->refused)
		ksft_test_result_pass("%s: such a pin is refused\n", name);
	else if (known)
		ksft_test_result_pass("%s: known to fail before 6.2, and is fixed\n", name);
	else
		ksft_test_result_pass("%s\n", name);
}

/* There is no pin of the zero page, and gup_test warns if GUP-fast does not take one. */
static bool would_warn(const struct scene *scene)
{
	return !strcmp(scene->way->name, "short-ro-fast") &&
	       !strcmp(scene->memory->name, "zero-page");
}

static void map_and_play(struct scene *scene)
{
	scene->missing = pin_way_missing(scene->way);
	if (!scene->missing && would_warn(scene))
		scene->missing = "gup_test would warn that the zero page is not pinned";
	if (!scene->missing)
		scene->missing = scene->memory->map(&scene->mapping);
	if (!scene->missing)
		scene->missing = memlock_missing(scene->way, 2 * scene->mapping.size);
	if (!scene->missing) {
		scene->seen = malloc(scene->mapping.size);
		if (!scene->seen)
			ksft_exit_fail_msg("no memory for what a pin sees\n");
		play(scene);
	}
	scene->ended = true;
}

/*
 * What the process of a test leaves behind is gone with it.  Its outcome comes back in
 * shared memory, and only when it is done: its child must not write there.
 */
static void run_test(struct scene *scene, struct scene *shared)
{
	pid_t process;

	*shared = *scene;
	fflush(stdout);
	process = fork();
	if (!process) {
		/* Why it ends early is not one of the results. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		map_and_play(scene);
		*shared = *scene;
		_exit(0);
	}
	if (process < 0 || waitpid(process, NULL, 0) != process)
		ksft_exit_fail_msg("a process for the test: %s\n", strerror(errno));
	expect(&shared->verdict, shared->ended, "the test has not come to its end");
	report(shared);
}

int main(int argc, char **argv)
{
	struct pin_counters before;
	struct scene *shared;
	long taken, left;
	bool counted;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: pin_fork [DIRECTORY]\n"
			"The files that are mapped are made in DIRECTORY, or in $TMPDIR or /tmp.\n");
		return KSFT_FAIL;
	}
	memory_files_in(argv[1]);

	ksft_print_header();
	ksft_set_plan(nr_memory_kinds * nr_pin_ways * ARRAY_SIZE(forks_first) *
		      ARRAY_SIZE(orders) + 1);
	if (!frames_are_visible())
		ksft_print_msg("page frames are not compared: only root can see them\n");
	counted = pin_counters_read(&before);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));

	for (unsigned int memory = 0; memory < nr_memory_kinds; memory++)
		for (unsigned int way = 0; way < nr_pin_ways; way++)
			for (size_t fork = 0; fork < ARRAY_SIZE(forks_first); fork++)
				for (size_t order = 0; order < ARRAY_SIZE(orders); order++)
					run_test(&(struct scene) {
						.memory = &memory_kinds[memory],
						.way = &pin_ways[way],
						.fork_first = forks_first[fork],
						.order = &orders[order],
					}, shared);

	left = pins_left_since(&before);
	taken = pin_counters_since(&before).acquired;
	if (!counted)
		ksft_test_result_skip("no-pin-is-left: only root can count them\n");
	else if (!ksft_cnt.ksft_pass && !ksft_cnt.ksft_fail)
		ksft_test_result_skip("no-pin-is-left: nothing was pinned\n");
	else
		ksft_test_result(taken && !left, "no-pin-is-left: %ld taken, %ld left\n",
				 taken, left);
	ksft_finished();
}
