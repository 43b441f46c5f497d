// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dm-ioctl.h>
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

	gate->fd = open_userfaultfd();
	if (gate->fd < 0)
		return "needs CONFIG_USERFAULTFD, and root or vm.unprivileged_userfaultfd=1";
	if (ioctl(gate->fd, UFFDIO_API, &api))
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
	if (ioctl(gate->fd, UFFDIO_REGISTER, &range))
		ksft_exit_fail_msg("UFFDIO_REGISTER: %s\n", strerror(errno));
}

static bool fault_is_held(const struct read_gate *gate)
{
	struct uffd_msg message;

	if (read(gate->fd, &message, sizeof(message)) != sizeof(message))
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

	if (ioctl(gate->fd, UFFDIO_ZEROPAGE, &page))
		ksft_exit_fail_msg("UFFDIO_ZEROPAGE: %s\n", strerror(errno));
}

struct dm_request {
	struct dm_ioctl dm;
	char room[512];
};

/* Returns 0, or the errno */
static int ask_dm(const struct read_gate *gate, unsigned long command, unsigned int flags,
		  struct dm_request *request)
{
	memset(request, 0, sizeof(*request));
	request->dm.version[0] = DM_VERSION_MAJOR;
	request->dm.data_size = sizeof(*request);
	request->dm.data_start = sizeof(request->dm);
	request->dm.flags = flags;
	strncpy(request->dm.name, gate->dm_name, sizeof(request->dm.name) - 1);
	return ioctl(gate->fd, command, request) ? errno : 0;
}

/* How many reads it holds, or -1 if it is no dm-delay device */
static int held_by_dm(const struct read_gate *gate)
{
	struct dm_request request;
	struct dm_target_spec *target;
	unsigned int reads;

	if (ask_dm(gate, DM_TABLE_STATUS, DM_NOFLUSH_FLAG, &request) ||
	    request.dm.target_count != 1)
		return -1;
	target = (struct dm_target_spec *)((char *)&request + request.dm.data_start);
	if (strcmp(target->target_type, "delay") ||
	    sscanf((char *)(target + 1), "%u", &reads) != 1)
		return -1;
	return reads;
}

static const char *open_dm(struct read_gate *gate)
{
	gate->fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (gate->fd < 0)
		return "no device-mapper, or only root may use it";
	return held_by_dm(gate) ? "that is no dm-delay device, or it is in use" : NULL;
}

/* To suspend it ends all delays. */
static void let_dm_go(const struct read_gate *gate)
{
	unsigned int suspend = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG;
	struct dm_request request;

	if (ask_dm(gate, DM_DEV_SUSPEND, suspend, &request) ||
	    ask_dm(gate, DM_DEV_SUSPEND, 0, &request))
		ksft_exit_fail_msg("suspend and resume %s: %s\n", gate->dm_name,
				   strerror(errno));
}

const char *read_gate_open(struct read_gate *gate, const char *dm_name)
{
	gate->dm_name = dm_name;
	map_last_page(gate);
	return dm_name ? open_dm(gate) : open_fault(gate);
}

void read_gate_shut(struct read_gate *gate)
{
	if (!gate->dm_name)
		shut_fault(gate);
}

bool read_gate_wait(const struct read_gate *gate, const bool *ended)
{
	bool is_last_look;

	/* What was held when the read ended is not held any more. */
	do {
		is_last_look = __atomic_load_n(ended, __ATOMIC_ACQUIRE);
		if (gate->dm_name ? held_by_dm(gate) > 0 : fault_is_held(gate))
			return true;
		poll(NULL, 0, POLL_MS);
	} while (!is_last_look);
	return false;
}

void read_gate_let_go(const struct read_gate *gate)
{
	if (gate->dm_name)
		let_dm_go(gate);
	else
		let_fault_go(gate);
}
