// SPDX-License-Identifier: GPL-2.0
/*
 * Does memory come back that RDS has made a region of, for others to read and write
 * by RDMA, when the region is freed?
 *
 * Two sockets of one address, of an InfiniBand or RoCE device, talk to each other.  A
 * message without a region is the control.
 *
 * usage: rds_regions ADDRESS
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rds.h>

#include "buffer.h"
#include "ktap.h"
#include "witness.h"

#define REGION_SIZE	(64 * 4096UL)
#define TRIES		200	/* with 50 ms between them */

/* The default of net.rds.max_unacked_packets is 8. */
#define MESSAGES_TOLD_OF_AT_ONCE	16

static const struct buffer_kind kinds[] = {
	{ .name = "small-pages",	.size = REGION_SIZE },
	{ .name = "thp",		.size = 2UL << 20, .is_thp = true },
	{ .name = "hugetlb",		.size = 2UL << 20, .mmap_flags = MAP_HUGETLB },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

enum event { MESSAGE, REGION, EVENTS };
static const char *const event_names[EVENTS] = { "message", "region" };

static struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = 4000 };
static struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 4001 };

static int socket_at(const struct sockaddr_in *address)
{
	int transport = RDS_TRANS_IB;
	int fd = socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		ktap_bail_out("socket of RDS");
	if (setsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &transport, sizeof(transport)) ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		ktap_bail_out("bind a socket of RDS over InfiniBand");
	return fd;
}

/* Sends a message of one byte, which may come with a region of memory. */
static int send_message(int fd, const struct rds_get_mr_args *region)
{
	char byte = 0, control[CMSG_SPACE(sizeof(*region))] = {};
	struct iovec iovec = { &byte, 1 };
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iovec, .msg_iovlen = 1,
	};

	if (region) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_RDS;
		header->cmsg_type = RDS_CMSG_RDMA_MAP;
		header->cmsg_len = CMSG_LEN(sizeof(*region));
		memcpy(CMSG_DATA(header), region, sizeof(*region));
	}
	return sendmsg(fd, &message, 0) == 1 ? 0 : -1;
}

/* The same, and takes it at the other end; the first ones wait for the connection. */
static void exchange_message(const int sockets[2], const struct rds_get_mr_args *region)
{
	char byte;
	int tries = 0;

	while (send_message(sockets[0], region)) {
		if ((errno != ENODEV && errno != EAGAIN) || ++tries == TRIES)
			ktap_bail_out("send a message%s", region ? " with a region" : "");
		usleep(50000);
	}
	if (recv(sockets[1], &byte, 1, 0) != 1)
		ktap_bail_out("receive a message");
}

/*
 * The message that the region came with keeps it until the other end has told that it
 * is there, which it does of several messages at once.
 */
static void free_region(const int sockets[2], uint64_t cookie)
{
	struct rds_free_mr_args region = { .cookie = cookie, .flags = RDS_RDMA_INVALIDATE };
	struct rds_free_mr_args all_that_are_unused = {};

	if (setsockopt(sockets[0], SOL_RDS, RDS_FREE_MR, &region, sizeof(region)))
		ktap_bail_out("free a region");
	for (int i = 0; i < MESSAGES_TOLD_OF_AT_ONCE; i++)
		exchange_message(sockets, NULL);
	if (setsockopt(sockets[0], SOL_RDS, RDS_FREE_MR, &all_that_are_unused,
		       sizeof(all_that_are_unused)))
		ktap_bail_out("free the regions that are not used");
}

static void test(const int sockets[2], const struct buffer_kind *kind, enum event event)
{
	struct witness witness;
	char name[64], *buffer;
	bool bad;

	witness_begin(&witness);
	buffer = buffer_map(kind);
	if (event == REGION) {
		uint64_t cookie = 0;
		struct rds_get_mr_args region = {
			.vec = { (uintptr_t)buffer, REGION_SIZE },
			.cookie_addr = (uintptr_t)&cookie,
			.flags = RDS_RDMA_READWRITE,
		};

		exchange_message(sockets, &region);
		free_region(sockets, cookie);
	} else {
		exchange_message(sockets, NULL);
	}
	witness_io_done(&witness, buffer, REGION_SIZE);
	witness_store(&witness, buffer, REGION_SIZE);
	buffer_unmap(kind, buffer);
	witness_end(&witness);

	snprintf(name, sizeof(name), "rds/%s/%s", kind->name, event_names[event]);
	bad = !all_was_given_back(&witness) || (event == REGION && !witness.pins);
	ktap_result(!bad, name, "bad %d of 1, pins %ld, " WITNESS_FORMAT, bad, witness.pins,
		    WITNESS_ARGUMENTS(witness));
}

int main(int argc, char **argv)
{
	int sockets[2];

	if (argc != 2 || !inet_aton(argv[1], &from.sin_addr)) {
		fprintf(stderr, "usage: rds_regions ADDRESS\n");
		return 2;
	}
	to.sin_addr = from.sin_addr;
	sockets[0] = socket_at(&from);
	sockets[1] = socket_at(&to);

	ktap_plan(NR_KINDS * EVENTS);
	exchange_message(sockets, NULL);
	for (unsigned int k = 0; k < NR_KINDS; k++)
		for (int event = 0; event < EVENTS; event++)
			test(sockets, &kinds[k], event);
	return ktap_exit_status();
}
