/* SPDX-License-Identifier: GPL-2.0 */
/* The instructions that count_plugin.c knows: "nopl MARK(%rax)" */
#ifndef MARKS_H
#define MARKS_H

#define MARK_OPCODE	"\x0f\x1f\x80"
#define MARK_BEGIN	0x62656701
#define MARK_END	0x62656702

#endif
