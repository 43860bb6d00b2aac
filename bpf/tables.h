/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Access to the tables of the search, the other thing besides bytes of the
 * frame that differs between kernel and user space. There the including file
 * sets pep_tables. NULL when an index is outside of its table, which only
 * damaged tables have.
 */
#ifndef PEP_BPF_TABLES_H
#define PEP_BPF_TABLES_H

#include "frame.h"

#ifdef __bpf__
#include "maps.h"

#define PEP_TABLE_ACCESS(type, name, map, memory)                                                  \
	PEP_INLINE const type *name(__u32 at)                                                      \
	{                                                                                          \
		return bpf_map_lookup_elem(&map, &at);                                             \
	}

#define PEP_VARIABLE(name, memory) name

PEP_INLINE const struct pep_line *pep_line_at(const struct pep_table *table, __u32 line)
{
	__u32 chunk = table->chunk + line / PEP_CHUNK_LINES;
	__u32 at = line % PEP_CHUNK_LINES;
	void *lines = bpf_map_lookup_elem(&set_map, &chunk);

	return lines ? bpf_map_lookup_elem(lines, &at) : NULL;
}

#else

static const struct pep_tables *pep_tables;

#define PEP_VARIABLE(name, memory) (pep_tables->memory)

#define PEP_TABLE_ACCESS(type, name, map, memory)                                                  \
	PEP_INLINE const type *name(__u32 at)                                                      \
	{                                                                                          \
		return &pep_tables->memory[at];                                                    \
	}

PEP_INLINE const struct pep_line *pep_line_at(const struct pep_table *table, __u32 line)
{
	const struct pep_line *lines =
		pep_tables->chunks[(table->chunk + line / PEP_CHUNK_LINES) % PEP_CHUNKS_MAX];

	return lines ? &lines[line % PEP_CHUNK_LINES] : NULL;
}

#endif

PEP_TABLE_ACCESS(struct pep_entry, pep_entry_at, entry_map, entries)
PEP_TABLE_ACCESS(struct pep_more, pep_more_at, more_map, more)
PEP_TABLE_ACCESS(struct pep_rule, pep_rule_at, rule_map, rules)
PEP_TABLE_ACCESS(struct pep_bucket, pep_bucket_at, bucket_map, buckets)

#ifdef __bpf__
PEP_INLINE const struct pep_config *pep_config(void)
{
	return &config;
}
#else
PEP_INLINE const struct pep_config *pep_config(void)
{
	return pep_tables->config;
}
#endif

PEP_INLINE const struct pep_tuple *pep_tuple_at(__u32 at)
{
	__u64 bounded = at;

	PEP_BOUND(bounded, PEP_TUPLES_MAX - 1);
	return &PEP_VARIABLE(tuples, tuples)[bounded];
}

PEP_INLINE const struct pep_combo *pep_combo_at(__u32 at)
{
	__u64 bounded = at;

	PEP_BOUND(bounded, PEP_COMBOS_MAX - 1);
	return &PEP_VARIABLE(combos, combos)[bounded];
}

#ifdef __bpf__
#define PEP_INDEX (&class_of)
#else
#define PEP_INDEX (pep_tables->index)
#endif

/* The tuples that can hold a match for the value, but for those that can for any. */
PEP_INLINE __u64 pep_index_at(__u32 wide, enum pep_dimension dim, __u16 value)
{
	__u64 at = value;
	__u64 class;

	PEP_BOUND(at, 0xffff);
	if (wide & 1u << dim) {
		class = PEP_INDEX->wide[dim * PEP_INDEX_VALUES + at];
		PEP_BOUND(class, PEP_CLASSES_MAX - 1);
	} else {
		class = PEP_INDEX->narrow[dim * PEP_INDEX_VALUES + at];
	}
	return PEP_VARIABLE(classes, classes)[dim * PEP_CLASSES_MAX + class];
}

#endif
