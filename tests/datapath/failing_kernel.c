/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Calls into the kernel that fail in the same count as allocations; each is wrapped by the linker.
 */
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "../unit/failing_memory.h"

#define FAILING(type, name, parameters, arguments, refusal)                                        \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return failing_memory_now() ? (refusal) : __real_##name arguments;                 \
	}

FAILING(int, bpf_map_create,
	(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries,
		const struct bpf_map_create_opts *options),
	(type, name, key, value, entries, options), -1)
FAILING(int, bpf_map_update_batch,
	(int fd, const void *keys, const void *values, __u32 *count,
		const struct bpf_map_batch_opts *options),
	(fd, keys, values, count, options), (*count = 0, -1))
FAILING(int, bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags),
	(fd, key, value, flags), -1)
FAILING(int, bpf_link_create,
	(int program, int target, enum bpf_attach_type type,
		const struct bpf_link_create_opts *options),
	(program, target, type, options), -1)
FAILING(int, bpf_obj_pin, (int fd, const char *path), (fd, path), -1)
FAILING(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
	(at, size, protection, flags, fd, offset), MAP_FAILED)
