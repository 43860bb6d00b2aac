/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A table takes as many elements of set_map in a row as it needs: first fit. */
#include <errno.h>

#include "server/classifier_members.h"

/* Values a line: 1 of lines, 8 of words. */
static uint32_t chunks_of(uint32_t values, uint32_t per_line)
{
	uint32_t lines = (values + per_line - 1) / per_line;

	return (lines + PEP_CHUNK_LINES - 1) / PEP_CHUNK_LINES;
}

static uint32_t find_row(const struct members *m, uint32_t count)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < PEP_CHUNKS_MAX; i++) {
		run = m->chunk_used[i] ? 0 : run + 1;
		if (run == count)
			return i + 1 - count;
	}
	return PEP_CHUNKS_MAX;
}

int chunks_take(struct members *m, struct pep_table *table, uint32_t values, uint32_t per_line,
	struct error *err)
{
	uint32_t count = chunks_of(values, per_line);
	uint32_t first = find_row(m, count);
	int r;

	if (first == PEP_CHUNKS_MAX)
		return error_set(err, ERROR_LIMIT, "MEMBERS_FULL",
			"the tables of sets are full: %u MiB is what they can take",
			PEP_CHUNKS_MAX / 1024 * PEP_CHUNK_LINES * 64 / 1024);
	r = m->memory.chunks_make(m->memory.data, first, count);
	if (r == -EDQUOT)
		return error_set(err, ERROR_LIMIT, "MEMORY_LIMIT",
			"the tables of sets would grow beyond the memory that pepctld may use: raise its "
			"--memory-limit, or make sets smaller");
	if (r)
		return error_set(err, ERROR_LIMIT, "KERNEL_MEMORY",
			"the kernel has no memory for the tables of sets: %s", strerror(-r));
	memset(&m->chunk_used[first], 1, count);
	*table = (struct pep_table){.chunk = first, .mask = values - 1};
	return 0;
}

void chunks_give(struct members *m, const struct pep_table *table, uint32_t per_line)
{
	uint32_t count = table->mask == PEP_TABLE_NONE ? 0 : chunks_of(table->mask + 1, per_line);

	if (!count)
		return;
	m->memory.chunks_drop(m->memory.data, table->chunk, count);
	memset(&m->chunk_used[table->chunk], 0, count);
}

struct pep_line *chunk_line(const struct members *m, const struct pep_table *table, uint32_t line)
{
	return &m->t->chunks[table->chunk + line / PEP_CHUNK_LINES][line % PEP_CHUNK_LINES];
}

__u64 *chunk_word(const struct members *m, const struct pep_table *table, uint32_t word)
{
	return &chunk_line(m, table, word / 8)->word[word % 8];
}
