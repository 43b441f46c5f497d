/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says of the pins that it has taken and released since boot. */
#ifndef PINS_H
#define PINS_H

struct pins {
	long acquired, released;
};

struct pins read_pins(void);

#endif
