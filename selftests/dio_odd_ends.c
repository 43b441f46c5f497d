// SPDX-License-Identifier: GPL-2.0
/*
 * Does direct I/O that meets something odd give back all that it took?  Holes in a
 * file, the end of the file or of the disk inside a page, memory that is not
 * there, a disk that fails in the middle, or a caller who does not want to wait.
 *
 * Each case has one result on every kernel, and its data are as they should be, in
 * memory or in the file.
 * The witnesses are asked about the rest, and about the pins that were taken: none
 * without the series.  With it, each page of a read is pinned once for each iovec,
 * and once more for each further part of the page that goes to the disk by itself.
 *
 * The file has 96 blocks of 1 KiB: the pattern, but for each third one, which is a
 * hole; then 204 without holes, and 300 bytes.  The first disk has the pattern, and an
 * error from 1 MiB to 1 MiB + 64 KiB.  What is on the others does not matter: one
 * takes requests that must not wait, one has blocks of 4 KiB.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "buffer.h"
#include "ktap.h"
#include "pattern.h"
#include "witness.h"

#define KIB		1024L
#define MIB		(1024 * KIB)
#define BLOCK		HOLE_SIZE
#define BLOCKS_WITH_HOLES 96
#define BLOCKS		300
#define TAIL		300
#define FILE_SIZE	(BLOCKS * BLOCK + TAIL)
#define MAX_PIECES	3
#define MAX_IOVECS	300
#define POISON		0x5a

/* Many small pages behave in one way, a huge page in another; neighbours are one bvec. */
static const struct buffer_kind kinds[] = {
	{ .name = "small-pages",	.size = 2 * MIB },
	{ .name = "scattered-pages",	.size = 2 * MIB, .is_scattered = true },
	{ .name = "thp",		.size = 2 * MIB, .is_thp = true },
	{ .name = "hugetlb",		.size = 2 * MIB, .mmap_flags = MAP_HUGETLB },
};

struct piece {
	size_t length;
	long offset;	/* in the buffer */
	bool unmapped;	/* not in the buffer, but where no memory is; before that is some */
};

enum place { ON_FILE, ON_FAILING_DISK, ON_PROMPT_DISK, ON_LARGE_BLOCKS, PLACES };

struct odd_end {
	const char *name;
	enum place place;
	bool write;
	int flags;
	off_t from;
	struct piece pieces[MAX_PIECES + 1];
	unsigned int times;	/* that the pieces are repeated */
	ssize_t result;
	long pins;
	size_t written;		/* from there on, whatever the result */
	size_t zeroed;		/* behind that */
};

static const struct odd_end odd_ends[] = {
	/* Of three pages that follow each other, two are read in two parts. */
	{ "over-holes",		.pieces = { { 64 * KIB, 0 } }, .result = 64 * KIB,
				.pins = 16 + 11 },
	{ "from-a-hole",	.from = 2 * BLOCK, .pieces = { { 8 * KIB, 512 } },
				.result = 8 * KIB, .pins = 3 + 1 },
	{ "a-hole-only",	.from = 2 * BLOCK, .pieces = { { BLOCK, 1024 } },
				.result = BLOCK, .pins = 1 },
	{ "end-in-a-hole",	.pieces = { { 3 * BLOCK, 0 } }, .result = 3 * BLOCK,
				.pins = 1 },
	{ "pieces-of-blocks",	.pieces = { { 512, 0 }, { 1536, 512 }, { 4096, 4096 } },
				.result = 6144, .pins = 3 },
	/* Where an indirect block ends, what has been gathered is sent. */
	{ "over-an-indirect-block", .from = (12 + 256 - 2) * BLOCK,
				.pieces = { { 8 * KIB, 0 } }, .result = 8 * KIB,
				.pins = 2 + 1 },
	/* The other pages are pinned as well, but nothing is read into them. */
	{ "end-of-file",	.from = FILE_SIZE - TAIL - 2 * BLOCK,
				.pieces = { { 16 * KIB, 0 } }, .result = 2 * BLOCK + TAIL,
				.pins = 4 },
	{ "behind-the-end",	.from = 2 * MIB, .pieces = { { 4096, 0 } }, .result = 0 },
	{ "no-memory",		.pieces = { { 4096, 0, true } }, .result = -EFAULT },
	{ "no-memory-later",	.pieces = { { 4096, 0 }, { 4096, 0, true } },
				.result = 4096, .pins = 1 + 1 },
	{ "write-no-memory",	.write = true, .pieces = { { 4096, 0, true } },
				.result = -EFAULT },
	/* The blocks are mapped by then, and are filled with zeros. */
	{ "write-no-memory-later", .write = true, .from = BLOCKS_WITH_HOLES * BLOCK,
				.pieces = { { 4096, 0 }, { 4096, 0, true } },
				.result = -EFAULT, .written = 4096, .zeroed = 4096 },
	/* The page cache writes what direct I/O does not. */
	{ "write-over-a-hole",	.write = true, .from = 0,
				.pieces = { { 4096, 0 } }, .result = 4096, .written = 4096 },
	/* The rest of the new block is filled with zeros. */
	{ "write-half-a-block",	.write = true, .from = (BLOCKS + 8) * BLOCK + 512,
				.pieces = { { 512, 0 } }, .result = 512, .written = 512 },
	{ "unaligned",		.place = ON_FAILING_DISK, .pieces = { { 64 * KIB, 512 } },
				.result = 64 * KIB, .pins = 17 },
	{ "disk-ends",		.place = ON_FAILING_DISK, .from = 4 * MIB - 8 * KIB,
				.pieces = { { 64 * KIB, 0 } }, .result = 8 * KIB, .pins = 2 },
	{ "disk-no-memory",	.place = ON_FAILING_DISK, .pieces = { { 4096, 0, true } },
				.result = -EFAULT },
	{ "disk-no-memory-later", .place = ON_FAILING_DISK,
				.pieces = { { 4096, 0 }, { 4096, 0, true } },
				.result = 4096, .pins = 1 },
	{ "disk-fails",		.place = ON_FAILING_DISK, .from = MIB - 4096,
				.pieces = { { 64 * KIB, 0 } }, .result = -EIO, .pins = 16 },
	{ "disk-fails-later",	.place = ON_FAILING_DISK, .pieces = { { 2 * MIB, 0 } },
				.result = -EIO, .pins = 512 },
	{ "disk-write-fails",	.place = ON_FAILING_DISK, .write = true, .from = MIB - 4096,
				.pieces = { { 64 * KIB, 0 } }, .result = -EIO },
	{ "do-not-wait",	.place = ON_PROMPT_DISK, .flags = RWF_NOWAIT,
				.pieces = { { 4096, 0 } }, .result = 4096, .pins = 1 },
	/* A bio has 256 parts: they are pinned, and there would have to be another bio. */
	{ "do-not-wait-for-two-bios", .place = ON_PROMPT_DISK, .flags = RWF_NOWAIT,
				.pieces = { { 512, 0 } }, .times = 300,
				.result = -EAGAIN, .pins = 256 },
	/* What there is of the block is pinned, and is less than the disk can read. */
	{ "block-not-in-memory", .place = ON_LARGE_BLOCKS,
				.pieces = { { 4096, -3584, true } },
				.result = -EFAULT, .pins = 1 },
	{ "do-not-wait-no-memory", .place = ON_PROMPT_DISK, .flags = RWF_NOWAIT,
				.pieces = { { 4096, 0, true } }, .result = -EFAULT },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))
#define NR_ODD_ENDS	(sizeof(odd_ends) / sizeof(odd_ends[0]))

/* Memory that is not there, whatever is mapped meanwhile, behind a page that is */
static char *hole_in_memory;

static void make_hole_in_memory(void)
{
	char *page = mmap(NULL, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mprotect(page, 4 * KIB, PROT_READ | PROT_WRITE))
		ktap_bail_out("mmap");
	*page = 0;
	hole_in_memory = page + 4 * KIB;
}

static bool is_hole(off_t place)
{
	return pattern_has_hole_at(place) && place < BLOCKS_WITH_HOLES * BLOCK;
}

static void write_file(int fd)
{
	char block[BLOCK];

	if (ftruncate(fd, 0))
		ktap_bail_out("ftruncate");
	for (off_t place = 0; place < FILE_SIZE; place += BLOCK) {
		ssize_t bytes = place < BLOCKS * BLOCK ? BLOCK : TAIL;

		if (is_hole(place))
			continue;
		pattern_fill(block, BLOCK, place);
		if (pwrite(fd, block, bytes, place) != bytes)
			ktap_bail_out("write the file");
	}
	if (fsync(fd))
		ktap_bail_out("fsync");
}

/* Whether the bytes are those of the place, as far as they have been read */
static bool data_are_right(const struct odd_end *odd, const char *data, size_t size,
			   off_t place)
{
	static const char zeros[512];

	for (size_t at = 0; at < size; at += 512) {
		size_t bytes = size - at < 512 ? size - at : 512;
		bool hole = odd->place == ON_FILE && is_hole(place + at);

		if (hole && memcmp(data + at, zeros, bytes))
			return false;
		/* The pattern goes by words. */
		if (!hole && !pattern_is_at(data + at, bytes / 8 * 8, place + at))
			return false;
	}
	return true;
}

static bool is_filled(const char *data, size_t size, int byte)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte)
			return false;
	return true;
}

/* Zeros in front, if the block is new; what was written, which is all the same; zeros */
static bool written_data_are_right(int file, const struct odd_end *odd)
{
	char data[16 * KIB];
	size_t before = odd->from % BLOCK, size = before + odd->written + odd->zeroed;

	return pread(file, data, size, odd->from - before) == (ssize_t)size &&
	       is_filled(data, before, 0) &&
	       is_filled(data + before, odd->written, POISON) &&
	       is_filled(data + before + odd->written, odd->zeroed, 0);
}

static ssize_t do_io(int fd, const struct odd_end *odd, char *buffer)
{
	struct iovec iov[MAX_IOVECS];
	unsigned int times = odd->times ?: 1;
	ssize_t bytes;
	int n = 0;

	while (times--) {
		for (const struct piece *piece = odd->pieces; piece->length; piece++) {
			iov[n].iov_base = (piece->unmapped ? hole_in_memory : buffer) +
					  piece->offset;
			iov[n++].iov_len = piece->length;
		}
	}
	bytes = odd->write ? pwritev2(fd, iov, n, odd->from, odd->flags) :
			     preadv2(fd, iov, n, odd->from, odd->flags);
	return bytes < 0 ? -errno : bytes;
}

static bool all_data_are_right(const struct odd_end *odd, const char *buffer,
			       ssize_t bytes)
{
	off_t place = odd->from;

	for (const struct piece *piece = odd->pieces; bytes > 0; piece++) {
		ssize_t part = bytes < (ssize_t)piece->length ? bytes :
							(ssize_t)piece->length;

		if (!data_are_right(odd, buffer + piece->offset, part, place))
			return false;
		place += part;
		bytes -= part;
	}
	return true;
}

/* How far into the buffer the pieces reach */
static size_t extent_of(const struct odd_end *odd)
{
	size_t extent = 0;

	for (const struct piece *piece = odd->pieces; piece->length; piece++)
		if (piece->offset + piece->length > extent)
			extent = piece->offset + piece->length;
	return extent;
}

/* file: the one with holes, through the page cache */
static void test(int fd, int file, const struct odd_end *odd, const struct buffer_kind *kind)
{
	bool look_at_data = odd->write ? odd->written > 0 : odd->place <= ON_FAILING_DISK;
	bool data_are_bad = false;
	size_t extent = extent_of(odd);
	struct witness witness;
	ssize_t bytes;
	char name[128], *buffer;

	witness_begin(&witness);
	buffer = buffer_map(kind);
	memset(buffer, POISON, kind->size);
	bytes = do_io(fd, odd, buffer);
	if (look_at_data)
		data_are_bad = !(odd->write ? written_data_are_right(file, odd) :
				 all_data_are_right(odd, buffer, bytes));
	witness_io_done(&witness, buffer, extent);
	witness_store(&witness, buffer, extent);
	buffer_unmap(kind, buffer);
	witness_end(&witness);

	snprintf(name, sizeof(name), "%s/%s", odd->name, kind->name);
	ktap_result(bytes == odd->result && !data_are_bad && all_was_given_back(&witness),
		    name, "result %zd, expected %zd, data %s, " WITNESS_FORMAT, bytes,
		    odd->result, !look_at_data ? "not looked at" :
		    data_are_bad ? "wrong" : "right", WITNESS_ARGUMENTS(witness));
	snprintf(name, sizeof(name), "%s/%s/pins", odd->name, kind->name);
	ktap_result(witness.pins == odd->pins, name, "bad %d of 1, pins %ld, expected %ld",
		    witness.pins != odd->pins, witness.pins, odd->pins);
}

static int open_or_bail_out(const char *file, int flags)
{
	int fd = open(file, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		ktap_bail_out("open %s", file);
	return fd;
}

int main(int argc, char **argv)
{
	int fds[PLACES], buffered;

	if (argc != 1 + PLACES) {
		fprintf(stderr, "usage: dio_odd_ends FILE FAILING-DISK PROMPT-DISK LARGE-BLOCKS\n"
			"FILE is made, on a file system with blocks of 1 KiB.\n"
			"FAILING-DISK has 4 MiB of the pattern, and an error from 1 MiB on\n"
			"for 64 KiB.  PROMPT-DISK takes 2 MiB without waiting.\n"
			"LARGE-BLOCKS has blocks of 4 KiB.\n");
		return 2;
	}
	buffered = open_or_bail_out(argv[1], O_RDWR | O_CREAT);
	for (int place = 0; place < PLACES; place++)
		fds[place] = open_or_bail_out(argv[1 + place], O_RDWR | O_DIRECT);
	make_hole_in_memory();

	ktap_plan(NR_ODD_ENDS * NR_KINDS * 2);
	for (unsigned int i = 0; i < NR_ODD_ENDS; i++) {
		for (unsigned int k = 0; k < NR_KINDS; k++) {
			/* The test before may have filled a hole. */
			write_file(buffered);
			test(fds[odd_ends[i].place], buffered, &odd_ends[i], &kinds[k]);
		}
	}
	return ktap_exit_status();
}
