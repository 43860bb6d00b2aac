/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Numbers for words of sets. A number that nobody holds any more may still be
 * in a packet's hand, so it waits in limbo for a grace period before it gets
 * other words.
 */
#include <errno.h>

#include "server/classifier_members.h"

int combos_init(struct members *m)
{
	m->combos = calloc(PEP_COMBOS_MAX, sizeof(*m->combos));
	m->free_combos = calloc(PEP_COMBOS_MAX, sizeof(*m->free_combos));
	m->limbo_combos = calloc(PEP_COMBOS_MAX, sizeof(*m->limbo_combos));
	if (!m->combos || !m->free_combos || !m->limbo_combos)
		return -ENOMEM;
	for (uint32_t i = PEP_COMBOS_MAX - 1; i > 0; i--)
		m->free_combos[m->free_count++] = (uint16_t)i;
	return 0;
}

static uint64_t words_hash(uint64_t now, uint64_t next)
{
	const uint64_t words[2] = {now, next};

	return table_hash(words, sizeof(words));
}

static uint16_t combo_find(const struct members *m, uint64_t now, uint64_t next)
{
	struct table_node *n = table_first(&m->by_words, words_hash(now, next));

	for (; n; n = table_next(n)) {
		struct combo *combo = CONTAINER_OF(n, struct combo, node);

		if (combo->now == now && combo->next == next)
			return (uint16_t)(combo - m->combos);
	}
	return 0;
}

static void limbo_end(struct members *m)
{
	memcpy(&m->free_combos[m->free_count], m->limbo_combos,
		m->limbo_count * sizeof(*m->limbo_combos));
	m->free_count += m->limbo_count;
	m->limbo_count = 0;
}

uint16_t combo_take(struct members *m, uint64_t now, uint64_t next)
{
	uint16_t number = combo_find(m, now, next);
	struct combo *combo;

	if (!number && !m->free_count && m->limbo_count) {
		m->memory.grace(m->memory.data);
		limbo_end(m);
	}
	if (number || !m->free_count || table_reserve(&m->by_words, m->by_words.count + 1) < 0)
		return number;
	number = m->free_combos[--m->free_count];
	combo = &m->combos[number];
	*combo = (struct combo){.now = now, .next = next};
	m->t->combos[number].word[m->parity] = now;
	m->t->combos[number].word[!m->parity] = next;
	table_add(&m->by_words, &combo->node, words_hash(now, next));
	return number;
}

static void combo_forget(struct members *m, struct combo *combo)
{
	table_remove(&m->by_words, &combo->node);
	*combo = (struct combo){0};
}

/* Both words become what is in force now; of combos that come out alike one stays. */
void combos_settle(struct members *m)
{
	for (uint32_t i = 1; i < PEP_COMBOS_MAX; i++) {
		struct combo *combo = &m->combos[i];

		combo->alias = 0;
		if (!combo->users || combo->now == combo->next)
			continue;
		__atomic_store_n(&m->t->combos[i].word[m->parity], combo->next, __ATOMIC_RELAXED);
		combo->alias = combo_find(m, combo->next, combo->next);
		if (combo->alias || !combo->next)
			continue;
		table_remove(&m->by_words, &combo->node);
		combo->now = combo->next;
		table_add(&m->by_words, &combo->node, words_hash(combo->now, combo->next));
	}
}

void combos_adopt(struct members *m)
{
	m->free_count = 0;
	for (uint32_t i = PEP_COMBOS_MAX - 1; i > 0; i--)
		if (!m->t->combos[i].word[0] && !m->t->combos[i].word[1])
			m->free_combos[m->free_count++] = (uint16_t)i;
}

/* Those that another daemon's tables held. */
static void foreign_reap(struct members *m)
{
	_cleanup_free_ bool *known = calloc(PEP_COMBOS_MAX, sizeof(*known));

	if (!known)
		return; /* they stay out of use */
	for (uint32_t i = 0; i < m->free_count; i++)
		known[m->free_combos[i]] = true;
	for (uint32_t i = 1; i < PEP_COMBOS_MAX; i++)
		if (!known[i] && !m->combos[i].now && !m->combos[i].next)
			m->limbo_combos[m->limbo_count++] = (uint16_t)i;
}

/* Numbers without members wait. Those that waited are free when a grace period has passed. */
void combos_reap(struct members *m, bool settled)
{
	if (settled)
		limbo_end(m);
	if (settled && m->foreign)
		foreign_reap(m);
	for (uint32_t i = 1; i < PEP_COMBOS_MAX; i++) {
		struct combo *combo = &m->combos[i];

		if (combo->users || (!combo->now && !combo->next))
			continue;
		combo_forget(m, combo);
		m->limbo_combos[m->limbo_count++] = (uint16_t)i;
	}
}
