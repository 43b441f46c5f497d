/* SPDX-License-Identifier: GPL-2.0 */
/* Memory to read into, of each kind that fork() treats in its own way. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer_kind {
	const char *name;
	size_t size;
	int mmap_flags;
	bool is_thp;
	bool shared_before;	/* an earlier child shares it when the read starts */
};

extern const struct buffer_kind buffer_kinds[];
extern const unsigned int nr_buffer_kinds;

/* Maps a buffer and touches all of it; it is what its kind says, or bail out. */
char *buffer_map(const struct buffer_kind *kind);
void buffer_unmap(const struct buffer_kind *kind, char *buffer);

#endif
