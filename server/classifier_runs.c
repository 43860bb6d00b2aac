/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buckets and runs. A packet may walk a run while it changes: an entry is put in
 * by one store when it is complete, and leaves by one store, with its own
 * successor left in place for who stands on it.
 *
 * A bucket without a place for a key gets another one behind it, from a list of
 * spare ones, which goes back when it is empty. A packet that stands in it then
 * may read the tags of others there: it finds entries that do not match, and
 * misses none, since its own key's run was empty.
 */
#include <errno.h>

#include "bpf/hash.h"
#include "server/classifier_internal.h"

static struct pep_bucket *bucket_of(const struct pep_tables *t, uint64_t hash)
{
	return &t->buckets[pep_hash_first(hash, t->config->roots.bucket_mask)];
}

static struct pep_bucket *bucket_next(const struct pep_tables *t, const struct pep_bucket *bucket)
{
	return bucket->more ? &t->buckets[bucket->more] : NULL;
}

static int bucket_place(const struct pep_bucket *bucket, uint16_t tag)
{
	for (int i = 0; i < (int)PEP_BUCKET_KEYS; i++)
		if (bucket->tag[i] == tag)
			return i;
	return -1;
}

/* Where the run's head is, NULL = the key has no run. */
static uint32_t *run_head(const struct pep_tables *t, uint64_t hash)
{
	uint16_t tag = pep_hash_tag(hash);

	for (struct pep_bucket *b = bucket_of(t, hash); b; b = bucket_next(t, b)) {
		int place = bucket_place(b, tag);

		if (place >= 0)
			return &b->head[place];
	}
	return NULL;
}

uint32_t run_first(const struct pep_tables *t, uint64_t hash)
{
	const uint32_t *head = run_head(t, hash);

	return head ? *head : 0;
}

uint32_t run_length(const struct pep_tables *t, uint64_t hash, uint32_t limit)
{
	uint32_t length = 0;

	for (uint32_t at = run_first(t, hash); at && length < limit; at = t->entries[at].next)
		length++;
	return length;
}

static void bucket_put(struct pep_bucket *bucket, int place, uint16_t tag, uint32_t entry)
{
	__atomic_store_n(&bucket->head[place], entry, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->tag[place], tag, __ATOMIC_RELEASE);
}

/* A spare bucket with the key, behind the last one of the chain. */
static int bucket_append(
	struct pep_tables *t, struct pep_bucket *last, uint16_t tag, uint32_t entry)
{
	uint32_t at = t->config->roots.spare;
	struct pep_bucket *spare = &t->buckets[at];

	if (!at)
		return -ENOSPC;
	t->config->roots.spare = spare->more;
	__atomic_store_n(&spare->more, 0, __ATOMIC_RELEASE);
	bucket_put(spare, 0, tag, entry);
	__atomic_store_n(&last->more, at, __ATOMIC_RELEASE);
	return 0;
}

static int run_start(struct pep_tables *t, uint64_t hash, uint32_t entry)
{
	struct pep_bucket *bucket = bucket_of(t, hash);
	uint16_t tag = pep_hash_tag(hash);

	t->entries[entry].next = 0;
	for (uint32_t length = 1;; length++) {
		int place = bucket_place(bucket, 0);

		if (place >= 0) {
			bucket_put(bucket, place, tag, entry);
			return 0;
		}
		if (length == PEP_BUCKET_CHAIN)
			return -ENOSPC;
		if (!bucket->more)
			return bucket_append(t, bucket, tag, entry);
		bucket = bucket_next(t, bucket);
	}
}

static bool before(const struct pep_entry *a, const struct pep_entry *b)
{
	return a->rank[0] < b->rank[0] || (a->rank[0] == b->rank[0] && a->rank[1] < b->rank[1]);
}

int run_link(struct pep_tables *t, uint64_t hash, uint32_t entry)
{
	uint32_t *at = run_head(t, hash);

	if (!at)
		return run_start(t, hash, entry);
	while (*at && before(&t->entries[*at], &t->entries[entry]))
		at = &t->entries[*at].next;
	t->entries[entry].next = *at;
	__atomic_store_n(at, entry, __ATOMIC_RELEASE);
	return 0;
}

static bool bucket_empty(const struct pep_bucket *bucket)
{
	static const struct pep_bucket empty;

	return memcmp(bucket->tag, empty.tag, sizeof(bucket->tag)) == 0;
}

/* The last buckets of a chain that hold nothing become spare. */
static void chain_cut(struct pep_tables *t, struct pep_bucket *first)
{
	while (first->more) {
		struct pep_bucket *before_last = first, *last = bucket_next(t, first);
		uint32_t at;

		for (; last->more; last = bucket_next(t, last))
			before_last = last;
		if (!bucket_empty(last))
			return;
		at = before_last->more;
		__atomic_store_n(&before_last->more, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&last->more, t->config->roots.spare, __ATOMIC_RELEASE);
		t->config->roots.spare = at;
	}
}

/* An emptied run gives its tag back; the head stays for who has read the tag already. */
static void run_end(struct pep_tables *t, uint64_t hash)
{
	uint16_t tag = pep_hash_tag(hash);

	for (struct pep_bucket *b = bucket_of(t, hash); b; b = bucket_next(t, b)) {
		int place = bucket_place(b, tag);

		if (place >= 0)
			__atomic_store_n(&b->tag[place], 0, __ATOMIC_RELEASE);
	}
	chain_cut(t, bucket_of(t, hash));
}

void run_unlink(struct pep_tables *t, uint64_t hash, uint32_t entry)
{
	uint32_t *head = run_head(t, hash), *at = head;

	while (at && *at && *at != entry)
		at = &t->entries[*at].next;
	if (!at || !*at)
		return;
	__atomic_store_n(at, t->entries[entry].next, __ATOMIC_RELEASE);
	if (!*head)
		run_end(t, hash);
}

/* Of a daemon that was killed, a bucket may have been taken without standing in a chain yet. */
static void chain_hold(struct pep_tables *t, struct pep_bucket *bucket, uint32_t buckets)
{
	for (uint32_t length = 1; bucket->more; length++) {
		struct pep_bucket *next = &t->buckets[bucket->more];

		if (length == PEP_BUCKET_CHAIN || bucket->more <= t->config->roots.bucket_mask ||
			bucket->more >= buckets || next->held) {
			bucket->more = 0;
			return;
		}
		next->held = 1;
		bucket = next;
	}
}

void buckets_begin(struct pep_tables *t, uint32_t buckets)
{
	uint32_t first = t->config->roots.bucket_mask + 1;

	for (uint32_t i = first; i < buckets; i++)
		t->buckets[i].held = 0;
	for (uint32_t i = 0; i < first; i++)
		chain_hold(t, &t->buckets[i], buckets);
	t->config->roots.spare = 0;
	for (uint32_t i = first; i < buckets; i++)
		if (!t->buckets[i].held) {
			t->buckets[i] = (struct pep_bucket){.more = t->config->roots.spare};
			t->config->roots.spare = i;
		}
}
