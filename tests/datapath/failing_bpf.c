/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "failing_bpf.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

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
	if (fault->program)
		return !strcmp(attr->prog_name, fault->program);
	return ++seen == fault->nth;
}

/* Its first instruction reads through a register that nothing has been written to. */
static void spoil(const union bpf_attr *attr)
{
	struct bpf_insn *first = (struct bpf_insn *)(uintptr_t)attr->insns; /* libbpf's own copy */

	*first = (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_DW, .src_reg = BPF_REG_9};
}

static bool fails(long command, const union bpf_attr *attr)
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
	if (number == SYS_bpf && fails(a[0], (const union bpf_attr *)a[1]))
		return -1;
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
