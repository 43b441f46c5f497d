/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says of the pins that it has taken and released since boot. */
#ifndef PINS_H
#define PINS_H

struct pins {
	long acquired, released;
};

struct pins read_pins(void);

/*
 * Those that are held now, or soon: pins may be released a moment after a read has
 * ended, so pins_kept() waits.  What it finds is kept for good, and not found again.
 */
long pins_held(void);
long pins_kept(void);

#endif
