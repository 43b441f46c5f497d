// SPDX-License-Identifier: GPL-2.0
#include <unistd.h>

#include "buffer.h"
#include "frames.h"

struct frames frames_of(const char *buffer, size_t size)
{
	size_t pages = (size + getpagesize() - 1) / getpagesize();
	struct frames frames = {
		.step = (pages + SAMPLES - 1) / SAMPLES * getpagesize(),
	};

	for (size_t at = 0; at < size; at += frames.step)
		frames.frame[frames.number++] = page_frame(buffer + at);
	return frames;
}

int frames_changed(const struct frames *before, const char *buffer)
{
	int changed = 0;

	for (unsigned int i = 0; i < before->number; i++)
		changed += before->frame[i] != page_frame(buffer + i * before->step);
	return changed;
}
