/* SPDX-License-Identifier: GPL-2.0 */
/* What a test transfers to and from directly: NAME=FILE among its arguments. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>

#define MAX_FILES 8

struct file {
	const char *name;
	int fd;
};

/*
 * Opens those of the arguments, or bails out.  Returns false if there are none or too
 * many, or if one makes no sense.
 */
bool files_open(char **arguments, int number, struct file *files);

#endif
