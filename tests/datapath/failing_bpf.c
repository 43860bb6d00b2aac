/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "failing_bpf.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#define SPOILED 500u /* instructions */

__attribute__((visibility("default"))) long syscall(long number, ...);

static const struct failing_bpf *fault;
static unsigned int seen;
static bool done;

void failing_bpf_set(const struct failing_bpf *which)
{
	fault = which;
	seen = 0;
	done = false;
}

bool failing_bpf_done(void)
{
	return done;
}

static bool is_meant(long command, const union bpf_attr *attr)
{
	if (!fault || command != (long)fault->command)
		return false;
	if (fault->name)
		return !strcmp(command == BPF_MAP_CREATE ? attr->map_name : attr->prog_name, fault->name);
	return ++seen == fault->nth;
}

/*
 * Another program in its place, which reads through a register that nothing has been written to.
 * What comes before makes the log longer than what the daemon keeps of it.
 */
static void spoil(union bpf_attr *attr)
{
	struct bpf_insn *insns = (struct bpf_insn *)(uintptr_t)attr->insns; /* libbpf's own copy */

	for (size_t i = 0; i < SPOILED; i++)
		insns[i] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1};
	insns[SPOILED - 2] =
		(struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_DW, .src_reg = BPF_REG_9};
	insns[SPOILED - 1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	attr->insn_cnt = SPOILED;
	attr->func_info_cnt = attr->line_info_cnt = attr->core_relo_cnt = 0;
}

static bool fails(long command, union bpf_attr *attr)
{
	if (!is_meant(command, attr))
		return false;
	done = true;
	if (fault->error)
		errno = fault->error;
	else
		spoil(attr);
	return fault->error != 0;
}

/* As libc's, it hands on six arguments also where there are fewer, which AddressSanitizer objects to. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_bpf && fails(a[0], (union bpf_attr *)a[1]))
		return -1;
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
