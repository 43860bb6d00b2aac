/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Classes of values with the same word of tuples. A packet may hold the number
 * of a class that nobody has any more; so such a number waits in limbo for a
 * grace period before it gets another word. When all are in use, values get the
 * class of all tuples: right, and slow.
 */
#include <errno.h>

#include "server/classifier_internal.h"

#define LIMBO_WORTH (PEP_CLASSES_MAX / 16) /* a grace period, which takes milliseconds */

struct class {
	struct table_node node; /* by word */
	uint64_t word;
	uint32_t users; /* values */
};

struct classes {
	struct class items[PEP_CLASSES_MAX];
	struct table by_word;
	uint16_t free[PEP_CLASSES_MAX], limbo[PEP_CLASSES_MAX];
	uint32_t free_count, limbo_count;
	uint32_t wide; /* values of classes from PEP_CLASSES_NARROW on */
	uint16_t from, to; /* the last change: the next value's is mostly the same */
	uint64_t to_word;
};

static uint64_t word_hash(uint64_t word)
{
	return table_hash(&word, sizeof(word));
}

static __u64 *word_at(const struct classifier *c, enum pep_dimension dim, uint16_t class)
{
	return &c->t->classes[dim * PEP_CLASSES_MAX + class];
}

static __u16 *class_at(const struct classifier *c, enum pep_dimension dim, uint32_t value)
{
	return &c->t->index->wide[dim * PEP_INDEX_VALUES + value];
}

static __u8 *narrow_at(const struct classifier *c, enum pep_dimension dim, uint32_t value)
{
	return &c->t->index->narrow[dim * PEP_INDEX_VALUES + value];
}

static uint32_t values_of(enum pep_dimension dim)
{
	return dim == PEP_DIM_PROTO ? 256 : PEP_INDEX_VALUES;
}

int classes_new(struct classifier *c)
{
	c->classes = calloc(PEP_DIM_MAX, sizeof(*c->classes));
	if (!c->classes)
		return -ENOMEM;
	for (uint32_t dim = 0; dim < PEP_DIM_MAX; dim++) {
		struct classes *k = &c->classes[dim];

		for (uint16_t i = PEP_CLASS_ALL - 1; i > 0; i--)
			k->free[k->free_count++] = i;
		k->items[0].users = values_of(dim);
		k->items[PEP_CLASS_ALL].word = UINT64_MAX;
		*word_at(c, dim, PEP_CLASS_ALL) = UINT64_MAX;
	}
	return 0;
}

void classes_free(struct classifier *c)
{
	for (uint32_t dim = 0; c->classes && dim < PEP_DIM_MAX; dim++)
		table_deinit(&c->classes[dim].by_word);
	free(c->classes);
}

uint64_t class_word(const struct classifier *c, enum pep_dimension dim, uint32_t value)
{
	return *word_at(c, dim, *class_at(c, dim, value));
}

static void limbo_end(struct classes *k)
{
	memcpy(&k->free[k->free_count], k->limbo, k->limbo_count * sizeof(*k->limbo));
	k->free_count += k->limbo_count;
	k->limbo_count = 0;
}

static uint16_t class_find(const struct classes *k, uint64_t word)
{
	struct table_node *n = table_first(&k->by_word, word_hash(word));

	if (!word)
		return 0;
	for (; n; n = table_next(n)) {
		struct class *class = CONTAINER_OF(n, struct class, node);

		if (class->word == word)
			return (uint16_t)(class - k->items);
	}
	return PEP_CLASS_ALL;
}

static uint16_t class_make(struct classifier *c, enum pep_dimension dim, uint64_t word)
{
	struct classes *k = &c->classes[dim];
	uint16_t class = class_find(k, word);

	if (class != PEP_CLASS_ALL || word == UINT64_MAX)
		return class;
	if (!k->free_count && k->limbo_count >= LIMBO_WORTH) {
		c->memory.grace(c->memory.data);
		limbo_end(k);
	}
	if (!k->free_count || table_reserve(&k->by_word, k->by_word.count + 1) < 0)
		return PEP_CLASS_ALL;
	class = k->free[--k->free_count];
	k->items[class].word = word;
	table_add(&k->by_word, &k->items[class].node, word_hash(word));
	__atomic_store_n(word_at(c, dim, class), word, __ATOMIC_RELEASE);
	return class;
}

static void class_leave(struct classes *k, uint16_t class)
{
	if (--k->items[class].users || !class || class == PEP_CLASS_ALL)
		return;
	table_remove(&k->by_word, &k->items[class].node);
	k->limbo[k->limbo_count++] = class;
	k->from = k->to = 0;
}

static void set_wide(struct classifier *c, enum pep_dimension dim, bool wide)
{
	__u32 *word = &c->t->config->roots.wide;
	uint32_t bits = wide ? *word | 1u << dim : *word & ~(1u << dim);

	if (*word != bits)
		__atomic_store_n(word, bits, __ATOMIC_RELEASE);
}

/*
 * Who read before that the dimension is narrow finds the value's former class there, which
 * is right for who began before the commit.
 */
static void class_store(struct classifier *c, enum pep_dimension dim, uint32_t value, uint16_t class)
{
	if (class >= PEP_CLASSES_NARROW)
		set_wide(c, dim, true);
	else
		__atomic_store_n(narrow_at(c, dim, value), (uint8_t)class, __ATOMIC_RELEASE);
	__atomic_store_n(class_at(c, dim, value), class, __ATOMIC_RELEASE);
}

void class_set(struct classifier *c, enum pep_dimension dim, uint32_t value, uint64_t word)
{
	struct classes *k = &c->classes[dim];
	uint16_t from = *class_at(c, dim, value), to = k->to;

	if (!to || from != k->from || word != k->to_word)
		to = class_make(c, dim, word);
	k->from = from;
	k->to = to;
	k->to_word = word;
	k->items[to].users++;
	k->wide += (to >= PEP_CLASSES_NARROW) - (from >= PEP_CLASSES_NARROW);
	class_store(c, dim, value, to);
	class_leave(k, from);
}

static int descending(const void *a, const void *b)
{
	return *(const uint16_t *)b - *(const uint16_t *)a;
}

/* The last one to need more than a byte has gone. */
static void make_narrow(struct classifier *c, enum pep_dimension dim)
{
	struct classes *k = &c->classes[dim];

	for (uint32_t value = 0; value < values_of(dim); value++)
		*narrow_at(c, dim, value) = (uint8_t)*class_at(c, dim, value);
	qsort(k->free, k->free_count, sizeof(*k->free), descending); /* the last is used first */
	set_wide(c, dim, false);
}

void classes_settle(struct classifier *c)
{
	for (uint32_t dim = 0; dim < PEP_DIM_MAX; dim++) {
		limbo_end(&c->classes[dim]);
		if (!c->classes[dim].wide && c->t->config->roots.wide >> dim & 1)
			make_narrow(c, dim);
	}
}

static void adopt_dim(struct classifier *c, enum pep_dimension dim)
{
	struct classes *k = &c->classes[dim];

	k->items[0].users = 0;
	set_wide(c, dim, true); /* until the narrow ones are known to be right */
	for (uint32_t value = 0; value < values_of(dim); value++) {
		if (*class_at(c, dim, value) >= PEP_CLASSES_MAX)
			*class_at(c, dim, value) = PEP_CLASS_ALL;
		k->items[*class_at(c, dim, value)].users++;
		k->wide += *class_at(c, dim, value) >= PEP_CLASSES_NARROW;
	}
	k->free_count = 0;
	for (uint16_t i = PEP_CLASS_ALL - 1; i > 0; i--) {
		struct class *class = &k->items[i];

		class->word = *word_at(c, dim, i);
		if (class->users && !table_reserve(&k->by_word, k->by_word.count + 1))
			table_add(&k->by_word, &class->node, word_hash(class->word));
		else
			k->free[k->free_count++] = i;
	}
}

void classes_adopt(struct classifier *c)
{
	for (uint32_t dim = 0; dim < PEP_DIM_MAX; dim++)
		adopt_dim(c, dim);
}
