/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on the disks: each 8 bytes hold a number made from their place, so
 * that data from another place, or data that never came, are recognized.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SECTOR 512
/* In a file with holes, each third block of this size is one. */
#define HOLE_SIZE 1024

static inline uint64_t pattern_word(uint64_t place)
{
	return (place / sizeof(uint64_t) + 1) * 0x9e3779b97f4a7c15ULL;
}

static inline void pattern_fill(char *to, size_t size, uint64_t place)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = pattern_word(place + at);

		memcpy(to + at, &word, sizeof(word));
	}
}

static inline bool pattern_is_at(const char *data, size_t size, uint64_t place)
{
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = pattern_word(place + at);

		if (memcmp(data + at, &word, sizeof(word)))
			return false;
	}
	return true;
}

static inline bool pattern_has_hole_at(uint64_t place)
{
	return place / HOLE_SIZE % 3 == 2;
}

#endif
