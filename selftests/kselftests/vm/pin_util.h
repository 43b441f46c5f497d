/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of pinned user pages share: ways to pin memory and to look at
 * it as a device does, page frames, and a child that can be asked what it sees.
 *
 * Builds against any kernel's headers from 5.10 on.
 */
#ifndef PIN_UTIL_H
#define PIN_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "raw_io_uring.h"

struct pin;

/* How memory is pinned */
struct pin_way {
	const char *name;
	bool write;		/* the pin is taken for writing */
	bool held;		/* until it is released; else it ends with the call */
	int (*take)(struct pin *pin);
	unsigned long argument;
};

extern const struct pin_way pin_ways[];
extern const unsigned int nr_pin_ways;

struct pin {
	const struct pin_way *way;
	struct iovec memory;
	int gup_test;			/* one of these holds it */
	struct raw_io_uring ring;
};

/* What is missing for it, or NULL if nothing is */
const char *pin_way_missing(const struct pin_way *way);

/* The same for io_uring of any use */
const char *io_uring_missing(void);

/* The same for pins of so much memory in all */
const char *memlock_missing(const struct pin_way *way, size_t size);

/* The same for those of gup_test that hold a pin */
const char *longterm_pins_missing(void);

/* 0, or a negative errno; then there is no pin. */
int pin_take(struct pin *pin, const struct pin_way *way, char *start, size_t size);

/* Copies what is in the pinned pages: what a device would send. */
void pin_read(struct pin *pin, char *to);

void pin_release(struct pin *pin);

/*
 * Pins taken and released since boot, with all that CPUs have not reported yet.  They are
 * those of the whole machine: nobody else should pin, as by direct I/O, meanwhile.
 */
struct pin_counters {
	long acquired, released;
};

/* false if the kernel does not count them, or only root may know */
bool pin_counters_read(struct pin_counters *counters);

/* How many of each since then; both 0 if that is not known */
struct pin_counters pin_counters_since(const struct pin_counters *before);

/*
 * How many more were taken than released, when that has come to rest: who has waited for a
 * read may go on before its pages are released.
 */
long pins_left_since(const struct pin_counters *before);

#define FRAME_SAMPLES 16

/* What a process sees in a piece of memory */
struct view {
	int byte;				/* all bytes are this, or -1 */
	uint64_t frames[FRAME_SAMPLES];		/* at places of equal distance */
};

struct view look_at(const char *start, size_t size);

/* Whether /proc/self/pagemap shows us frames */
bool frames_are_visible(void);
bool same_frames(const struct view *a, const struct view *b);
bool no_common_frame(const struct view *a, const struct view *b);

/* A bit of /proc/kpageflags; false as well where that cannot be read */
bool page_has_flag(const char *page, unsigned int bit);
bool page_is_swapped_out(const char *page);

/* A child that inherits memory, and looks at it or fills it when it is told to */
struct child {
	pid_t pid;
	int commands, answers;
	char *start;
	size_t size;
};

/* 0, or the negative errno with which fork() failed */
int child_start(struct child *child, char *start, size_t size);
struct view child_look(const struct child *child);
void child_fill(const struct child *child, int byte);
void child_end(struct child *child);

/* The first number behind a name in a file such as /proc/meminfo, or -1 */
long number_in_file(const char *file, const char *name);
bool write_file(const char *file, const char *text);

/* Whether the kernel that runs is this one or a later one */
bool kernel_is_at_least(unsigned int major, unsigned int minor);

#endif
