/* SPDX-License-Identifier: GPL-2.0 */
/* The page frames of a buffer, at up to SAMPLES places of it */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>

#define SAMPLES 16

struct frames {
	size_t step;
	unsigned int number;
	unsigned long long frame[SAMPLES];
};

struct frames frames_of(const char *buffer, size_t size);

/* At how many of the places another frame is mapped now */
int frames_changed(const struct frames *before, const char *buffer);

#endif
