/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Chunks are put in by one batch: each single update of a map of maps waits for
 * a grace period, a batch does not.
 */
#include "server/datapath_chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "common/macros.h"

static int chunk_make(struct pep_line **ret, uint32_t *ret_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	const size_t size = PEP_CHUNK_LINES * sizeof(struct pep_line);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "set_chunk", sizeof(uint32_t),
		sizeof(struct pep_line), PEP_CHUNK_LINES, &options);
	void *memory;

	if (fd < 0)
		return -errno;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	*ret = memory;
	*ret_fd = (uint32_t)fd;
	return 0;
}

static void chunks_unmap(struct pep_tables *tables, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		void *memory = TAKE_PTR(tables->chunks[i]);

		if (memory)
			munmap(memory, PEP_CHUNK_LINES * sizeof(struct pep_line));
	}
}

static int chunks_put(int fd, const uint32_t *keys, const uint32_t *fds, uint32_t count)
{
	uint32_t done = count;

	if (!bpf_map_update_batch(fd, keys, fds, &done, NULL))
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &keys[i], &fds[i], BPF_ANY) < 0)
			return -errno;
	return 0;
}

int datapath_chunks_make(int fd, struct pep_tables *tables, uint32_t first, uint32_t count)
{
	_cleanup_free_ uint32_t *keys = calloc(count + 1, sizeof(*keys)), *fds = calloc(count + 1, sizeof(*fds));
	uint32_t made = 0;
	int r = keys && fds ? 0 : -ENOMEM;

	while (!r && made < count) {
		keys[made] = first + made;
		r = chunk_make(&tables->chunks[first + made], &fds[made]);
		made += !r;
	}
	if (!r)
		r = chunks_put(fd, keys, fds, count);
	for (uint32_t i = 0; i < made; i++)
		close((int)fds[i]); /* the map of maps and the mapping keep it */
	if (r)
		datapath_chunks_drop(fd, tables, first, made);
	return r;
}

void datapath_chunks_drop(int fd, struct pep_tables *tables, uint32_t first, uint32_t count)
{
	_cleanup_free_ uint32_t *keys = calloc(count + 1, sizeof(*keys));
	uint32_t done = count;

	chunks_unmap(tables, first, count);
	for (uint32_t i = 0; keys && i < count; i++)
		keys[i] = first + i;
	if (!keys || bpf_map_delete_batch(fd, keys, &done, NULL) < 0)
		for (uint32_t i = first; i < first + count; i++)
			bpf_map_delete_elem(fd, &i);
}
