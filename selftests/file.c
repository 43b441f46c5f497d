// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>

#include "file.h"
#include "ktap.h"

bool files_open(char **arguments, int number, struct file *files)
{
	if (number < 1 || number > MAX_FILES)
		return false;
	for (int i = 0; i < number; i++) {
		char *file = strchr(arguments[i], '=');

		if (!file)
			return false;
		*file++ = '\0';
		files[i].name = arguments[i];
		files[i].fd = open(file, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (files[i].fd < 0)
			ktap_bail_out("open %s", file);
	}
	return true;
}
