/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buckets and runs. A packet may walk a run while it changes: an entry is put in
 * by one store when it is complete, and leaves by one store, with its own
 * successor left in place for who stands on it.
 *
 * A tag's second bucket follows from the first and the tag, and leads back: so
 * all keys that share bucket and tag have the same two places, share one run,
 * and a look-up that finds the tag in the first need not look into the second.
 */
#include <errno.h>

#include "bpf/hash.h"
#include "server/classifier_internal.h"

static struct pep_bucket *bucket_at(const struct pep_tables *t, uint32_t at)
{
	return &t->buckets[at];
}

static uint32_t *bucket_head(struct pep_bucket *bucket, uint16_t tag)
{
	for (size_t i = 0; i < PEP_BUCKET_KEYS; i++)
		if (bucket->tag[i] == tag)
			return &bucket->head[i];
	return NULL;
}

/* Where the run's head is, NULL = the key has no run. */
static uint32_t *run_head(const struct pep_tables *t, uint64_t hash)
{
	uint32_t mask = t->config->roots.bucket_mask;
	struct pep_bucket *bucket = bucket_at(t, pep_hash_first(hash, mask));
	uint32_t *head = bucket_head(bucket, pep_hash_tag(hash));

	if (head || !bucket->spilled)
		return head;
	return bucket_head(bucket_at(t, pep_hash_second(hash, mask)), pep_hash_tag(hash));
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

static bool bucket_put(struct pep_bucket *bucket, uint16_t tag, uint32_t entry)
{
	for (size_t i = 0; i < PEP_BUCKET_KEYS; i++) {
		if (bucket->tag[i])
			continue;
		__atomic_store_n(&bucket->head[i], entry, __ATOMIC_RELEASE);
		__atomic_store_n(&bucket->tag[i], tag, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

static int run_start(struct pep_tables *t, uint64_t hash, uint32_t entry)
{
	uint32_t mask = t->config->roots.bucket_mask;
	struct pep_bucket *first = bucket_at(t, pep_hash_first(hash, mask));
	struct pep_bucket *second = bucket_at(t, pep_hash_second(hash, mask));

	t->entries[entry].next = 0;
	if (bucket_put(first, pep_hash_tag(hash), entry))
		return 0;
	if (!bucket_put(second, pep_hash_tag(hash), entry))
		return -ENOSPC;
	__atomic_store_n(&first->spilled, 1, __ATOMIC_RELEASE);
	return 0;
}

static bool before(const struct pep_entry *a, const struct pep_entry *b)
{
	return a->rank[0] < b->rank[0] || (a->rank[0] == b->rank[0] && a->rank[1] < b->rank[1]);
}

int run_link(struct pep_tables *t, uint64_t hash, uint32_t entry)
{
	uint32_t *at = run_head(t, hash);
	uint16_t tag = pep_hash_tag(hash);

	if (!at) {
		/* The second bucket may hold the tag for keys that it is the first of. */
		struct pep_bucket *first =
			bucket_at(t, pep_hash_first(hash, t->config->roots.bucket_mask));
		bool full = true;

		for (size_t i = 0; i < PEP_BUCKET_KEYS; i++)
			full = full && first->tag[i];
		if (full)
			at = bucket_head(bucket_at(t, pep_hash_second(hash,
							      t->config->roots.bucket_mask)),
				tag);
		if (!at)
			return run_start(t, hash, entry);
		__atomic_store_n(&first->spilled, 1, __ATOMIC_RELEASE);
	}
	while (*at && before(&t->entries[*at], &t->entries[entry]))
		at = &t->entries[*at].next;
	t->entries[entry].next = *at;
	__atomic_store_n(at, entry, __ATOMIC_RELEASE);
	return 0;
}

/* An emptied run gives its tag back; the head stays for who has read the tag already. */
static void run_end(const struct pep_tables *t, uint64_t hash)
{
	uint32_t mask = t->config->roots.bucket_mask;
	uint32_t places[] = {pep_hash_first(hash, mask), pep_hash_second(hash, mask)};
	uint16_t tag = pep_hash_tag(hash);

	for (size_t place = 0; place < ARRAY_SIZE(places); place++)
		for (size_t i = 0; i < PEP_BUCKET_KEYS; i++) {
			struct pep_bucket *bucket = bucket_at(t, places[place]);

			if (bucket->tag[i] == tag && !bucket->head[i])
				__atomic_store_n(&bucket->tag[i], 0, __ATOMIC_RELEASE);
		}
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
