// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../kselftest.h"
#include "read_gate.h"

#ifndef USERFAULTFD_IOC_NEW	/* since 6.1 */
#define USERFAULTFD_IOC_NEW	_IO(0xAA, 0)
#endif
#define POLL_MS		5

/* A descriptor for faults in the kernel, too */
static int open_userfaultfd(void)
{
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int device;

	if (fd >= 0)
		return fd;
	device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -1;
	fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	close(device);
	return fd;
}

static void map_last_page(struct read_gate *gate)
{
	gate->last_page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (gate->last_page == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
}

static const char *open_fault(struct read_gate *gate)
{
	struct uffdio_api api = { .api = UFFD_API };

	gate->userfaultfd = open_userfaultfd();
	if (gate->userfaultfd < 0)
		return "needs CONFIG_USERFAULTFD, and root or vm.unprivileged_userfaultfd=1";
	if (ioctl(gate->userfaultfd, UFFDIO_API, &api))
		ksft_exit_fail_msg("UFFDIO_API: %s\n", strerror(errno));
	return NULL;
}

static void shut_fault(struct read_gate *gate)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	munmap(gate->last_page, getpagesize());
	map_last_page(gate);
	range.range.start = (unsigned long)gate->last_page;
	range.range.len = getpagesize();
	if (ioctl(gate->userfaultfd, UFFDIO_REGISTER, &range))
		ksft_exit_fail_msg("UFFDIO_REGISTER: %s\n", strerror(errno));
}

static bool fault_is_held(const struct read_gate *gate)
{
	struct uffd_msg message;

	if (read(gate->userfaultfd, &message, sizeof(message)) != sizeof(message))
		return false;
	if (message.event != UFFD_EVENT_PAGEFAULT)
		ksft_exit_fail_msg("userfaultfd: event %d\n", message.event);
	return true;
}

static void let_fault_go(const struct read_gate *gate)
{
	struct uffdio_zeropage page = {
		.range = { (unsigned long)gate->last_page, getpagesize() },
	};

	if (ioctl(gate->userfaultfd, UFFDIO_ZEROPAGE, &page))
		ksft_exit_fail_msg("UFFDIO_ZEROPAGE: %s\n", strerror(errno));
}

static const char *open_dm(struct read_gate *gate)
{
	int error = dm_delay_open(&gate->device, gate->dm_name);

	if (!error && !dm_delay_held_reads(&gate->device))
		return NULL;
	return !error || error == -EPROTO ? "that is no dm-delay device, or it is in use" :
		"no device-mapper, or no such device, or only root may use it";
}

const char *read_gate_open(struct read_gate *gate, const char *dm_name)
{
	gate->dm_name = dm_name;
	map_last_page(gate);
	return dm_name ? open_dm(gate) : open_fault(gate);
}

void read_gate_shut(struct read_gate *gate)
{
	/* The data of the read before this one are not to be taken for its own. */
	if (gate->dm_name)
		memset(gate->last_page, 0, getpagesize());
	else
		shut_fault(gate);
}

bool read_gate_wait(const struct read_gate *gate, const bool *ended)
{
	bool is_last_look;

	/* What was held when the read ended is not held any more. */
	do {
		is_last_look = __atomic_load_n(ended, __ATOMIC_ACQUIRE);
		if (gate->dm_name ? dm_delay_held_reads(&gate->device) > 0 : fault_is_held(gate))
			return true;
		poll(NULL, 0, POLL_MS);
	} while (!is_last_look);
	return false;
}

void read_gate_let_go(const struct read_gate *gate)
{
	if (!gate->dm_name)
		let_fault_go(gate);
	else if (dm_delay_let_go(&gate->device))
		ksft_exit_fail_msg("suspend and resume %s: %s\n", gate->dm_name,
				   strerror(errno));
}
