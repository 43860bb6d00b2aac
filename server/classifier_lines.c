/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Places of members in their lines. Whoever reads a place while it is filled
 * finds no combo yet, or one whose word of its own generation is empty.
 */
#include <arpa/inet.h>

#include "bpf/hash.h"
#include "server/classifier_members.h"

struct member_key member_key(const struct members *m, const struct classifier_member *member)
{
	struct member_key key = {.six = member->family == 6, .length = member->length};

	memcpy(key.address, member->bytes, key.six ? 16 : 4);
	key.hash = pep_member_hash(
		m->t->config->roots.seed, key.address, key.six ? 4 : 1, member->length);
	return key;
}

static uint32_t places_of(bool six)
{
	return six ? PEP_LINE6_KEYS : PEP_LINE4_KEYS;
}

/* As pep_line4_find() compares. */
static uint32_t key4(const struct member_key *key)
{
	uint32_t address = ntohl(key->address[0]);

	return key->length == 32 ? address : address | 1u << (31 - key->length);
}

static uint16_t *combo_at(struct pep_line *line, bool six, uint32_t at)
{
	return six ? &((struct pep_line6 *)line)->combo[at] : &((struct pep_line4 *)line)->combo[at];
}

static bool holds(struct pep_line *line, uint32_t at, const struct member_key *key)
{
	const struct pep_line4 *four = (const struct pep_line4 *)line;
	const struct pep_line6 *six = (const struct pep_line6 *)line;

	if (!*combo_at(line, key->six, at))
		return false;
	if (key->six)
		return six->length[at] == key->length &&
		       memcmp(six->key[at], key->address, sizeof(key->address)) == 0;
	return four->key[at] == key4(key) && (four->single >> at & 1) == (key->length == 32);
}

static bool spilled(struct pep_line *line, bool six)
{
	return six ? ((struct pep_line6 *)line)->spilled :
		     ((struct pep_line4 *)line)->single & PEP_LINE4_SPILLED;
}

static void spill(struct pep_line *line, bool six)
{
	if (six)
		((struct pep_line6 *)line)->spilled = 1;
	else
		((struct pep_line4 *)line)->single |= PEP_LINE4_SPILLED;
}

void place_prefetch(const struct members *m, const struct pep_table *lines, const struct member_key *key)
{
	__builtin_prefetch(chunk_line(m, lines, pep_hash_line(key->hash, 0, lines->mask)), 1);
}

bool place_find(const struct members *m, const struct pep_table *lines, const struct member_key *key,
	struct member_place *ret)
{
	for (uint32_t n = 0; n < PEP_LINE_CHAIN; n++) {
		uint32_t at = pep_hash_line(key->hash, n, lines->mask);
		struct pep_line *line = chunk_line(m, lines, at);

		for (uint32_t place = 0; place < places_of(key->six); place++)
			if (holds(line, place, key)) {
				*ret = (struct member_place){at, (uint8_t)place, key->six, 0};
				return true;
			}
		if (!spilled(line, key->six))
			return false;
	}
	return false;
}

static void write_key(struct pep_line *line, uint32_t at, const struct member_key *key)
{
	struct pep_line4 *four = (struct pep_line4 *)line;
	struct pep_line6 *six = (struct pep_line6 *)line;

	if (key->six) {
		memcpy(six->key[at], key->address, sizeof(key->address));
		six->length[at] = key->length;
		return;
	}
	four->key[at] = key4(key);
	if (key->length == 32)
		four->single |= 1u << at;
	else
		four->single &= ~(1u << at);
}

bool place_make(struct members *m, const struct pep_table *lines, const struct member_key *key,
	struct member_place *ret)
{
	for (uint32_t n = 0; n < PEP_LINE_CHAIN; n++) {
		uint32_t at = pep_hash_line(key->hash, n, lines->mask);
		struct pep_line *line = chunk_line(m, lines, at);

		for (uint32_t place = 0; place < places_of(key->six); place++)
			if (!*combo_at(line, key->six, place)) {
				write_key(line, place, key);
				*ret = (struct member_place){at, (uint8_t)place, key->six, 0};
				return true;
			}
		spill(line, key->six);
	}
	return false;
}

uint16_t place_combo(const struct members *m, const struct pep_table *lines,
	const struct member_place *place)
{
	return *combo_at(chunk_line(m, lines, place->line), place->six, place->at);
}

void place_set(struct members *m, const struct pep_table *lines, const struct member_place *place,
	uint16_t combo)
{
	__atomic_store_n(combo_at(chunk_line(m, lines, place->line), place->six, place->at), combo,
		__ATOMIC_RELEASE);
}

static void read_key(const struct members *m, struct pep_line *line, bool six, uint32_t at,
	struct member_key *ret)
{
	const struct pep_line4 *four = (const struct pep_line4 *)line;
	uint32_t low;

	*ret = (struct member_key){.six = six};
	if (six) {
		memcpy(ret->address, ((struct pep_line6 *)line)->key[at], sizeof(ret->address));
		ret->length = ((struct pep_line6 *)line)->length[at];
	} else if (four->single >> at & 1) {
		ret->address[0] = htonl(four->key[at]);
		ret->length = 32;
	} else {
		low = four->key[at] & -four->key[at];
		ret->address[0] = htonl(four->key[at] & ~low);
		ret->length = (uint8_t)(31 - __builtin_ctz(low));
	}
	ret->hash = pep_member_hash(
		m->t->config->roots.seed, ret->address, six ? 4 : 1, ret->length);
}

int places_each(struct members *m, const struct pep_table *lines, bool six,
	int (*cb)(struct members *m, const struct member_key *key, uint16_t combo, void *data),
	void *data)
{
	int r = 0;

	if (lines->mask == PEP_TABLE_NONE)
		return 0;
	for (uint32_t i = 0; i <= lines->mask && !r; i++) {
		struct pep_line *line = chunk_line(m, lines, i);

		for (uint32_t at = 0; at < places_of(six) && !r; at++) {
			uint16_t combo = *combo_at(line, six, at);
			struct member_key key;

			if (!combo)
				continue;
			read_key(m, line, six, at, &key);
			r = cb(m, &key, combo, data);
		}
	}
	return r;
}
