// SPDX-License-Identifier: GPL-2.0
#include <libaio.h>
#include <liburing.h>
#include <linux/bsg.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ktap.h"
#include "ways.h"

#define SCSI_READ_10	0x28
#define SCSI_SECTOR	512
#define NVME_CMD_READ	0x02
#define MAX_CDB		10

/* A call that waits for its read goes into a thread of its own. */
static void start_thread(struct read *read, void *(*call)(void *))
{
	errno = pthread_create(&read->thread, NULL, call, read);
	if (errno)
		ktap_bail_out("pthread_create");
}

static ssize_t join_thread(struct read *read)
{
	void *bytes;

	pthread_join(read->thread, &bytes);
	return (ssize_t)bytes;
}

static void *bytes_or_error(ssize_t bytes)
{
	return (void *)(bytes < 0 ? -errno : bytes);
}

/* A command returns success or not; if so, all has been read. */
static void *all_or_error(const struct read *read, int failure)
{
	if (failure > 0)
		errno = EIO;
	return bytes_or_error(failure ? -1 : (ssize_t)read->size);
}

/* Files */

static void *do_pread(void *argument)
{
	struct read *read = argument;

	return bytes_or_error(pread(read->fd, read->to, read->size, read->from));
}

static void start_pread(struct read *read)
{
	start_thread(read, do_pread);
}

static void set_up_ring(struct read *read, unsigned int flags)
{
	errno = -io_uring_queue_init(1, &read->ring, flags);
	if (errno)
		ktap_bail_out("io_uring_setup");
}

static void submit(struct read *read)
{
	int submitted = io_uring_submit(&read->ring);

	if (submitted != 1) {
		errno = submitted < 0 ? -submitted : EIO;
		ktap_bail_out("io_uring_enter");
	}
}

static void start_uring_read(struct read *read)
{
	set_up_ring(read, 0);
	io_uring_prep_read(io_uring_get_sqe(&read->ring), read->fd, read->to,
			   read->size, read->from);
	submit(read);
}

static void start_uring_read_fixed(struct read *read)
{
	struct iovec buffer = { .iov_base = read->to, .iov_len = read->size };

	set_up_ring(read, 0);
	errno = -io_uring_register_buffers(&read->ring, &buffer, 1);
	if (errno)
		ktap_bail_out("IORING_REGISTER_BUFFERS");
	io_uring_prep_read_fixed(io_uring_get_sqe(&read->ring), read->fd, read->to,
				 read->size, read->from, 0);
	submit(read);
}

static ssize_t finish_uring(struct read *read)
{
	struct io_uring_cqe *done;
	ssize_t bytes;

	errno = -io_uring_wait_cqe(&read->ring, &done);
	if (errno)
		ktap_bail_out("wait for io_uring");
	bytes = done->res;
	io_uring_queue_exit(&read->ring);
	return bytes;
}

static void start_libaio(struct read *read)
{
	struct iocb request, *requests[] = { &request };
	int submitted;

	read->aio = NULL;
	errno = -io_setup(1, &read->aio);
	if (errno)
		ktap_bail_out("io_setup");
	io_prep_pread(&request, read->fd, read->to, read->size, read->from);
	submitted = io_submit(read->aio, 1, requests);
	if (submitted != 1) {
		errno = submitted < 0 ? -submitted : EIO;
		ktap_bail_out("io_submit");
	}
}

static ssize_t finish_libaio(struct read *read)
{
	struct io_event done;

	if (io_getevents(read->aio, 1, 1, &done, NULL) != 1)
		ktap_bail_out("io_getevents");
	io_destroy(read->aio);
	return (ssize_t)done.res;
}

/* SCSI commands */

static void fill_read_10(unsigned char *cdb, const struct read *read)
{
	uint32_t block = read->from / SCSI_SECTOR;

	memset(cdb, 0, MAX_CDB);
	cdb[0] = SCSI_READ_10;
	for (int i = 0; i < 4; i++)
		cdb[2 + i] = block >> (24 - 8 * i);
	cdb[8] = read->size / SCSI_SECTOR;
}

static struct sg_io_hdr sg_read_10(const struct read *read, unsigned char *cdb)
{
	fill_read_10(cdb, read);
	return (struct sg_io_hdr){
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_FROM_DEV,
		.cmdp = cdb,
		.cmd_len = MAX_CDB,
		.dxferp = read->to,
		.dxfer_len = read->size,
		.timeout = 600000,
	};
}

static void *do_sg_io(void *argument)
{
	struct read *read = argument;
	unsigned char cdb[MAX_CDB];
	struct sg_io_hdr hdr = sg_read_10(read, cdb);
	int error = ioctl(read->fd, SG_IO, &hdr);

	return all_or_error(read, error ?: (int)(hdr.info & SG_INFO_CHECK));
}

static void start_sg_io(struct read *read)
{
	start_thread(read, do_sg_io);
}

static void *do_sg_io_iovec(void *argument)
{
	struct read *read = argument;
	unsigned char cdb[MAX_CDB];
	struct sg_io_hdr hdr = sg_read_10(read, cdb);
	struct iovec halves[2] = {
		{ .iov_base = read->to, .iov_len = read->size / 2 },
		{ .iov_base = read->to + read->size / 2, .iov_len = read->size / 2 },
	};
	int error;

	hdr.dxferp = halves;
	hdr.iovec_count = 2;
	error = ioctl(read->fd, SG_IO, &hdr);
	return all_or_error(read, error ?: (int)(hdr.info & SG_INFO_CHECK));
}

static void start_sg_io_iovec(struct read *read)
{
	start_thread(read, do_sg_io_iovec);
}

/* The command is sent by write(), and its end waited for by read(). */
static void start_sg_write(struct read *read)
{
	unsigned char cdb[MAX_CDB];
	struct sg_io_hdr hdr = sg_read_10(read, cdb);

	hdr.flags = SG_FLAG_DIRECT_IO;
	if (write(read->fd, &hdr, sizeof(hdr)) != sizeof(hdr))
		ktap_bail_out("write to sg");
}

static ssize_t finish_sg_read(struct read *this)
{
	struct sg_io_hdr hdr = { .interface_id = 'S' };

	if (read(this->fd, &hdr, sizeof(hdr)) != sizeof(hdr))
		ktap_bail_out("read from sg");
	if ((hdr.info & SG_INFO_DIRECT_IO_MASK) != SG_INFO_DIRECT_IO) {
		errno = EINVAL;
		ktap_bail_out("sg did it without direct I/O");
	}
	return (ssize_t)all_or_error(this, hdr.info & SG_INFO_CHECK);
}

static void *do_bsg(void *argument)
{
	struct read *read = argument;
	unsigned char cdb[MAX_CDB];
	struct sg_io_v4 hdr = {
		.guard = 'Q',
		.protocol = BSG_PROTOCOL_SCSI,
		.subprotocol = BSG_SUB_PROTOCOL_SCSI_CMD,
		.request_len = MAX_CDB,
		.request = (uintptr_t)cdb,
		.din_xfer_len = read->size,
		.din_xferp = (uintptr_t)read->to,
		.timeout = 600000,
	};
	int error;

	fill_read_10(cdb, read);
	error = ioctl(read->fd, SG_IO, &hdr);
	return all_or_error(read, error ?: (int)(hdr.info & SG_INFO_CHECK));
}

static void start_bsg(struct read *read)
{
	start_thread(read, do_bsg);
}

/* NVMe commands; the namespace is the first. */

#define NVME_READ(read) {						\
	.opcode = NVME_CMD_READ,					\
	.nsid = 1,							\
	.addr = (uintptr_t)(read)->to,					\
	.data_len = (read)->size,					\
	.cdw10 = (read)->from / SCSI_SECTOR,				\
	.cdw12 = (read)->size / SCSI_SECTOR - 1,			\
}

static void *do_nvme_ioctl(void *argument)
{
	struct read *read = argument;
	struct nvme_passthru_cmd command = NVME_READ(read);

	return all_or_error(read, ioctl(read->fd, NVME_IOCTL_IO_CMD, &command));
}

static void start_nvme_ioctl(struct read *read)
{
	start_thread(read, do_nvme_ioctl);
}

static void start_nvme_uring_cmd(struct read *read)
{
	struct nvme_uring_cmd command = NVME_READ(read);
	struct io_uring_sqe *sqe;

	set_up_ring(read, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	sqe = io_uring_get_sqe(&read->ring);
	if (!sqe)
		ktap_bail_out("no room in the ring");
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = read->fd;
	sqe->cmd_op = NVME_URING_CMD_IO;
	memcpy(sqe->cmd, &command, sizeof(command));
	submit(read);
}

static ssize_t finish_nvme_uring_cmd(struct read *read)
{
	ssize_t status = finish_uring(read);

	return status < 0 ? status : (ssize_t)all_or_error(read, status);
}

const struct way ways[] = {
	{ "pread",		FILE_TARGET,	start_pread,		join_thread },
	{ "io_uring-read",	FILE_TARGET,	start_uring_read,	finish_uring },
	{ "io_uring-read-fixed", FILE_TARGET,	start_uring_read_fixed,	finish_uring },
	{ "libaio",		FILE_TARGET,	start_libaio,		finish_libaio },
	{ "SG_IO",		SCSI_TARGET,	start_sg_io,		join_thread },
	{ "SG_IO-two-iovecs",	SCSI_TARGET,	start_sg_io_iovec,	join_thread },
	{ "write-and-read",	SG_TARGET,	start_sg_write,		finish_sg_read },
	{ "SG_IO-v4",		BSG_TARGET,	start_bsg,		join_thread },
	{ "NVME_IOCTL_IO_CMD",	NVME_TARGET,	start_nvme_ioctl,	join_thread },
	{ "io_uring-cmd",	NVME_CHAR_TARGET, start_nvme_uring_cmd,	finish_nvme_uring_cmd },
};
const unsigned int nr_ways = sizeof(ways) / sizeof(ways[0]);
