// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU's TCG that counts what a guest executes between two marks of
 * marks.h: instructions, and those of them that lock the bus, for each block of code.
 * "rep movs" and its relatives count once, however often they repeat.
 *
 * usage: qemu-system-x86_64 -plugin count_plugin.so,out=FILE ...
 *
 * For each pair of marks, in their order, FILE has a line "window REPETITIONS", and
 * then a line "ADDRESS INSTRUCTIONS LOCKED" for each block that has been executed.
 * With the repetitions, which are not in them, the instructions are what QEMU's
 * -icount counts.
 *
 * Debian has no header for plugins.  What is declared here is version 1 of the ABI,
 * which QEMU has from 6.0 to 8.2.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "marks.h"

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
enum { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op,
					      void *counter, uint64_t addend);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		void (*executed)(unsigned int cpu, void *data), int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						void *counter, uint64_t addend);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			       char **argv);

/* What QEMU translates at once.  It translates again what it has thrown away. */
struct block {
	struct block *next;
	uint64_t address;
	uint64_t executed;		/* how often, since the mark; here and below */
	uint64_t repeated;		/* of a string instruction that begins it */
	unsigned int instructions, locked;
};

#define PAGE_SIZE 4096
#define LONGEST 15		/* instruction, in bytes */
#define BUCKETS 65536
static struct block *blocks[BUCKETS];
static uint64_t all_executed;		/* instructions, since QEMU started */
static uint64_t repetitions;
static FILE *out;

static struct block *find_block(uint64_t address, unsigned int instructions,
				unsigned int locked)
{
	struct block **bucket = &blocks[(address ^ address >> 16) % BUCKETS];
	struct block *block;

	for (block = *bucket; block; block = block->next)
		if (block->address == address && block->instructions == instructions &&
		    block->locked == locked)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block) {
		perror("count_plugin");
		exit(1);
	}
	*block = (struct block){
		.next = *bucket,
		.address = address,
		.instructions = instructions,
		.locked = locked,
	};
	*bucket = block;
	return block;
}

static bool is_prefix(uint8_t byte)
{
	return byte && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte);
}

/* Whether it has the prefix, or is an exchange with memory, which needs none */
static bool is_locked(const uint8_t *code, size_t size)
{
	size_t i;

	for (i = 0; i < size && is_prefix(code[i]); i++)
		if (code[i] == 0xf0)
			return true;
	if (i < size && (code[i] & 0xf0) == 0x40)	/* REX */
		i++;
	return i + 1 < size && (code[i] & 0xfe) == 0x86 && code[i + 1] < 0xc0;
}

/* Whether it is a string instruction with a prefix that repeats it */
static bool is_repeated(const uint8_t *code, size_t size)
{
	bool repeats = false;
	size_t i;

	for (i = 0; i < size && is_prefix(code[i]); i++)
		repeats |= code[i] == 0xf2 || code[i] == 0xf3;
	if (i < size && (code[i] & 0xf0) == 0x40)	/* REX */
		i++;
	return repeats && i + 1 == size &&
	       ((code[i] >= 0x6c && code[i] <= 0x6f) || (code[i] >= 0xa4 && code[i] <= 0xa7) ||
		(code[i] >= 0xaa && code[i] <= 0xaf));
}

/*
 * QEMU ends a block behind such an instruction, and goes back to it until it is done.
 * So it is a repetition if it begins a block, and was the last that was executed.
 */
static void begins_with_repeated(unsigned int cpu, void *data)
{
	static uint64_t last_address, last_executed;
	struct block *block = data;

	(void)cpu;
	if (block->address == last_address && all_executed == last_executed + 1) {
		block->repeated++;
		repetitions++;
	}
	last_address = block->address;
	last_executed = all_executed;
}

static bool is_mark(const uint8_t *code, size_t size, uint32_t mark)
{
	return size == sizeof(MARK_OPCODE) - 1 + sizeof(mark) &&
	       !memcmp(code, MARK_OPCODE, sizeof(MARK_OPCODE) - 1) &&
	       !memcmp(code + sizeof(MARK_OPCODE) - 1, &mark, sizeof(mark));
}

static void begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			block->executed = block->repeated = 0;
	repetitions = 0;
}

static void end(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	fprintf(out, "window %" PRIu64 "\n", repetitions);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			if (block->executed)
				fprintf(out, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
					block->address,
					block->executed * block->instructions -
						block->repeated,
					block->executed * block->locked);
	fflush(out);
}

/*
 * Whether the last instruction of a block may go on in the next page of memory.  If it
 * does, QEMU takes it out of the block, but has told us of it before.
 */
static bool may_cross_page(const struct qemu_plugin_tb *tb)
{
	size_t number = qemu_plugin_tb_n_insns(tb);
	uint64_t last = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, number - 1));

	return number > 1 && last % PAGE_SIZE > PAGE_SIZE - LONGEST;
}

static bool insn_is_locked(const struct qemu_plugin_insn *insn)
{
	return is_locked(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
}

static void count_block(struct qemu_plugin_tb *tb, size_t number)
{
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	unsigned int locked = 0;
	struct block *block;

	for (size_t i = 0; i < number; i++)
		locked += insn_is_locked(qemu_plugin_tb_get_insn(tb, i));
	block = find_block(qemu_plugin_tb_vaddr(tb), number, locked);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &block->executed, 1);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &all_executed, number);
	if (is_repeated(qemu_plugin_insn_data(first), qemu_plugin_insn_size(first)))
		qemu_plugin_register_vcpu_insn_exec_cb(first, begins_with_repeated,
						       QEMU_PLUGIN_CB_NO_REGS, block);
}

/* As a block of its own */
static void count_instruction(struct qemu_plugin_insn *insn)
{
	struct block *block = find_block(qemu_plugin_insn_vaddr(insn), 1, insn_is_locked(insn));

	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
						   &block->executed, 1);
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
						   &all_executed, 1);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t number = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < number; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);

		if (is_mark(code, size, MARK_BEGIN))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin,
					QEMU_PLUGIN_CB_NO_REGS, NULL);
		else if (is_mark(code, size, MARK_END))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end,
					QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
	if (may_cross_page(tb)) {
		count_block(tb, number - 1);
		count_instruction(qemu_plugin_tb_get_insn(tb, number - 1));
	} else {
		count_block(tb, number);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fputs("count_plugin: out=FILE is needed\n", stderr);
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
