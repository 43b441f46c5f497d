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

static ssize_t bytes_or_error(ssize_t bytes)
{
	return bytes < 0 ? -errno : bytes;
}

/* A command returns success or not; if so, all has been read. */
static ssize_t all_or_error(const struct read *read, int failure)
{
	if (failure < 0)
		return -errno;
	return failure ? -EIO : (ssize_t)read->size;
}

/* Files */

static ssize_t call_pread(struct read *read)
{
	return bytes_or_error(pread(read->fd, read->to, read->size, read->from));
}

static int set_up_ring(struct read *read, unsigned int flags)
{
	return io_uring_queue_init(1, &read->ring, flags);
}

static int submit(struct read *read)
{
	int submitted = io_uring_submit(&read->ring);

	if (submitted == 1)
		return 0;
	io_uring_queue_exit(&read->ring);
	return submitted < 0 ? submitted : -EIO;
}

static int start_uring_read(struct read *read)
{
	int error = set_up_ring(read, 0);

	if (error)
		return error;
	io_uring_prep_read(io_uring_get_sqe(&read->ring), read->fd, read->to,
			   read->size, read->from);
	return submit(read);
}

static int start_uring_readv(struct read *read)
{
	int error = set_up_ring(read, 0);

	if (error)
		return error;
	io_uring_prep_readv(io_uring_get_sqe(&read->ring), read->fd, read->iovecs,
			    read->nr_iovecs, read->from);
	return submit(read);
}

static int start_uring_read_fixed(struct read *read)
{
	struct iovec buffer = { .iov_base = read->to, .iov_len = read->size };
	int error = set_up_ring(read, 0);

	if (error)
		return error;
	error = io_uring_register_buffers(&read->ring, &buffer, 1);
	if (error) {
		io_uring_queue_exit(&read->ring);
		return error;
	}
	io_uring_prep_read_fixed(io_uring_get_sqe(&read->ring), read->fd, read->to,
				 read->size, read->from, 0);
	return submit(read);
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

static int submit_aio(struct read *read, struct iocb *request)
{
	int submitted;

	read->aio = NULL;
	submitted = io_setup(1, &read->aio);
	if (submitted)
		return submitted;
	submitted = io_submit(read->aio, 1, &request);
	if (submitted == 1)
		return 0;
	io_destroy(read->aio);
	return submitted < 0 ? submitted : -EIO;
}

static int start_libaio(struct read *read)
{
	struct iocb request;

	io_prep_pread(&request, read->fd, read->to, read->size, read->from);
	return submit_aio(read, &request);
}

static int start_libaio_vector(struct read *read)
{
	struct iocb request;

	io_prep_preadv(&request, read->fd, read->iovecs, read->nr_iovecs, read->from);
	return submit_aio(read, &request);
}

static ssize_t finish_libaio(struct read *read)
{
	struct io_event done;
	int events;

	/* A ring of io_uring that was closed before may still have work for this task. */
	do
		events = io_getevents(read->aio, 1, 1, &done, NULL);
	while (events == -EINTR);
	if (events != 1)
		ktap_bail_out("io_getevents");
	io_destroy(read->aio);
	return (ssize_t)done.res;
}

static ssize_t call_readv(struct read *read)
{
	if (lseek(read->fd, read->from, SEEK_SET) != read->from)
		return -errno;
	return bytes_or_error(readv(read->fd, read->iovecs, read->nr_iovecs));
}

static ssize_t call_preadv(struct read *read)
{
	return bytes_or_error(preadv(read->fd, read->iovecs, read->nr_iovecs, read->from));
}

static ssize_t call_preadv2_polled(struct read *read)
{
	return bytes_or_error(preadv2(read->fd, read->iovecs, read->nr_iovecs,
				      read->from, RWF_HIPRI));
}

/* SCSI commands */

static void fill_read_10(unsigned char *cdb, const struct read *read)
{
	uint32_t block = read->from / SCSI_SECTOR;

	memset(cdb, 0, MAX_CDB);
	cdb[0] = SCSI_READ_10;
	for (int i = 0; i < 4; i++)
		cdb[2 + i] = block >> (24 - 8 * i);
	cdb[7] = read->size / SCSI_SECTOR >> 8;
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

static ssize_t call_sg_io(struct read *read)
{
	unsigned char cdb[MAX_CDB];
	struct sg_io_hdr hdr = sg_read_10(read, cdb);
	int error = ioctl(read->fd, SG_IO, &hdr);

	return all_or_error(read, error ?: (int)(hdr.info & SG_INFO_CHECK));
}

static ssize_t call_sg_io_iovec(struct read *read)
{
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

/* The command is sent by write(), and its end waited for by read(). */
static int start_sg_write(struct read *read)
{
	unsigned char cdb[MAX_CDB];
	struct sg_io_hdr hdr = sg_read_10(read, cdb);

	hdr.flags = SG_FLAG_DIRECT_IO;
	return write(read->fd, &hdr, sizeof(hdr)) == sizeof(hdr) ? 0 : -errno;
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
	return all_or_error(this, hdr.info & SG_INFO_CHECK);
}

static ssize_t call_bsg(struct read *read)
{
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

/* NVMe commands; the namespace is the first. */

#define NVME_READ(read) {						\
	.opcode = NVME_CMD_READ,					\
	.nsid = 1,							\
	.addr = (uintptr_t)(read)->to,					\
	.data_len = (read)->size,					\
	.cdw10 = (read)->from / SCSI_SECTOR,				\
	.cdw12 = (read)->size / SCSI_SECTOR - 1,			\
}

static ssize_t call_nvme_ioctl(struct read *read)
{
	struct nvme_passthru_cmd command = NVME_READ(read);

	return all_or_error(read, ioctl(read->fd, NVME_IOCTL_IO_CMD, &command));
}

static int start_nvme_uring_cmd(struct read *read)
{
	struct nvme_uring_cmd command = NVME_READ(read);
	struct io_uring_sqe *sqe;
	int error;

	error = set_up_ring(read, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	if (error)
		return error;
	sqe = io_uring_get_sqe(&read->ring);
	if (!sqe)
		ktap_bail_out("no room in the ring");
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = read->fd;
	sqe->cmd_op = NVME_URING_CMD_IO;
	memcpy(sqe->cmd, &command, sizeof(command));
	return submit(read);
}

static ssize_t finish_nvme_uring_cmd(struct read *read)
{
	ssize_t status = finish_uring(read);

	return status < 0 ? status : all_or_error(read, status);
}

const struct way ways[] = {
	{ "pread",		FILE_TARGET,	.call = call_pread },
	{ "io_uring-read",	FILE_TARGET,	.start = start_uring_read,
						.finish = finish_uring },
	{ "io_uring-read-fixed", FILE_TARGET,	.start = start_uring_read_fixed,
						.finish = finish_uring },
	{ "libaio",		FILE_TARGET,	.start = start_libaio,
						.finish = finish_libaio },
	{ "SG_IO",		SCSI_TARGET,	.call = call_sg_io },
	{ "SG_IO-two-iovecs",	SCSI_TARGET,	.call = call_sg_io_iovec },
	{ "write-and-read",	SG_TARGET,	.start = start_sg_write,
						.finish = finish_sg_read },
	{ "SG_IO-v4",		BSG_TARGET,	.call = call_bsg },
	{ "NVME_IOCTL_IO_CMD",	NVME_TARGET,	.call = call_nvme_ioctl },
	{ "io_uring-cmd",	NVME_CHAR_TARGET, .start = start_nvme_uring_cmd,
						.finish = finish_nvme_uring_cmd },
};
const unsigned int nr_ways = sizeof(ways) / sizeof(ways[0]);

const struct way vector_ways[] = {
	{ "readv",		FILE_TARGET,	.call = call_readv },
	{ "preadv",		FILE_TARGET,	.call = call_preadv },
	{ "preadv2-polled",	FILE_TARGET,	.call = call_preadv2_polled },
	{ "io_uring-readv",	FILE_TARGET,	.start = start_uring_readv,
						.finish = finish_uring },
	{ "libaio-preadv",	FILE_TARGET,	.start = start_libaio_vector,
						.finish = finish_libaio },
};
const unsigned int nr_vector_ways = sizeof(vector_ways) / sizeof(vector_ways[0]);

static void *call_in_thread(void *argument)
{
	struct read *read = argument;

	return (void *)read->way->call(read);
}

void start_read(const struct way *way, struct read *read)
{
	read->way = way;
	errno = way->call ? pthread_create(&read->thread, NULL, call_in_thread, read) :
			    -way->start(read);
	if (errno)
		ktap_bail_out("start %s", way->name);
}

ssize_t finish_read(struct read *read)
{
	void *bytes;

	if (!read->way->call)
		return read->way->finish(read);
	pthread_join(read->thread, &bytes);
	return (ssize_t)bytes;
}

ssize_t do_read(const struct way *way, struct read *read)
{
	int error;

	if (way->call)
		return way->call(read);
	error = way->start(read);
	return error ?: way->finish(read);
}
