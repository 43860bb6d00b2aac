/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who asks again after an answer was lost gets the first answer, also across a restart. */
#include <errno.h>
#include <stdio.h>

#include "common/arena.h"
#include "server/policy_store_internal.h"

/* --- is it asked again */

static int refuse_other(const struct tx *tx, struct error *err)
{
	return error_violation(err, "request_id", "\"%s\" was the id of another request; take a new one",
		tx->request_id);
}

static void repeat(struct tx *tx, const uint8_t *effects, size_t count, uint64_t revision,
	struct store_counts policies)
{
	for (size_t i = 0; i < MIN(count, tx->changes.count); i++)
		tx->effects[i] = (enum store_effect)effects[i];
	tx->revision = revision;
	tx->policies = policies;
	tx->repeated = true;
}

/* Both wait in the same batch: what becomes of the first becomes of this one. */
static const struct tx *find_before(const struct store *s, const struct tx *tx)
{
	for (const struct tx *other = s->batch; other && other != tx; other = other->next)
		if (other->author.uid == tx->author.uid && streq(other->request_id, tx->request_id))
			return other;
	return NULL;
}

static void repeat_before(struct tx *tx, const struct tx *other)
{
	memcpy(tx->effects, other->effects, tx->changes.count * sizeof(*tx->effects));
	repeat(tx, NULL, 0, other->revision, other->policies);
}

int request_find(struct store *s, struct tx *tx, struct error *err)
{
	const struct request *request;
	const struct tx *other;
	struct store_clock clock;

	tx->repeated = false;
	if (!*tx->request_id || tx->validate_only)
		return 0;
	other = find_before(s, tx);
	s->backend.clock(s->backend.data, &clock);
	request = request_memory_find(&s->requests, tx->author.uid, tx->request_id, clock.time);
	if ((other && other->request_hash != tx->request_hash) || (request && request->hash != tx->request_hash))
		return refuse_other(tx, err);
	if (request)
		repeat(tx, request->effects, request->effect_count, request->revision,
			(struct store_counts){request->created, request->changed, request->deleted});
	else if (other)
		repeat_before(tx, other);
	return 0;
}

/* With effects of its own. */
static int request_of(const struct tx *tx, int64_t time, struct request *ret)
{
	*ret = (struct request){
		.uid = tx->author.uid,
		.hash = tx->request_hash,
		.time = time,
		.revision = tx->revision,
		.created = tx->policies.created,
		.changed = tx->policies.changed,
		.deleted = tx->policies.deleted,
		.effects = malloc(tx->changes.count + 1),
		.effect_count = tx->changes.count,
	};
	if (!ret->effects)
		return -ENOMEM;
	snprintf(ret->id, sizeof(ret->id), "%s", tx->request_id);
	for (size_t i = 0; i < ret->effect_count; i++)
		ret->effects[i] = (uint8_t)tx->effects[i];
	return 0;
}

int request_keep(struct store *s, const struct tx *tx)
{
	struct store_clock clock;
	struct request request;

	if (!*tx->request_id || tx->validate_only || tx->repeated)
		return 0;
	s->backend.clock(s->backend.data, &clock);
	return request_of(tx, clock.time, &request) < 0 ? -ENOMEM : request_memory_add(&s->requests, &request);
}

/* --- in the journal */

/* Its id and effects are the request's. */
static void fill(const struct request *request, Pepctl__Journal__Request *ret)
{
	pepctl__journal__request__init(ret);
	ret->uid = request->uid;
	ret->id = (char *)(uintptr_t)request->id; /* packing reads only */
	ret->hash = request->hash;
	ret->time = request->time;
	ret->revision = request->revision;
	ret->created = request->created;
	ret->changed = request->changed;
	ret->deleted = request->deleted;
	ret->effects = (ProtobufCBinaryData){request->effect_count, request->effects};
}

Pepctl__Journal__Request *request_pack(struct tx *tx, int64_t time, Pepctl__Journal__Request *ret)
{
	struct request request;

	pepctl__journal__request__init(ret);
	if (!*tx->request_id || request_of(tx, time, &request) < 0)
		return NULL;
	fill(&request, ret);
	ret->id = tx->request_id;
	return ret;
}

int request_record(struct store *s, struct tx *tx)
{
	Pepctl__Journal__Request request, *one = &request;
	Pepctl__Journal__Requests m;
	struct store_clock clock;

	s->backend.clock(s->backend.data, &clock);
	pepctl__journal__requests__init(&m);
	m.n_requests = 1;
	m.requests = &one;
	tx->record = calloc(1, sizeof(*tx->record));
	if (!tx->record || !request_pack(tx, clock.time, &request))
		return -ENOMEM;
	tx->record->kind = RECORD_REQUESTS;
	tx->record->revision = tx->revision;
	tx->record->sequence = ++s->sequence;
	tx->record->size = pepctl__journal__requests__get_packed_size(&m);
	tx->record->payload = malloc(tx->record->size + 1);
	if (tx->record->payload)
		pepctl__journal__requests__pack(&m, tx->record->payload);
	free(request.effects.data);
	return tx->record->payload ? 0 : -ENOMEM;
}

int request_read(struct store *s, const Pepctl__Journal__Request *m)
{
	struct request request = {.uid = m->uid, .hash = m->hash, .time = m->time, .revision = m->revision,
		.created = m->created, .changed = m->changed, .deleted = m->deleted, .effect_count = m->effects.len};

	snprintf(request.id, sizeof(request.id), "%s", m->id);
	request.effects = malloc(m->effects.len + 1);
	if (!request.effects)
		return -ENOMEM;
	if (m->effects.len)
		memcpy(request.effects, m->effects.data, m->effects.len);
	return request_memory_add(&s->requests, &request);
}

struct packing {
	struct arena arena;
	Pepctl__Journal__Requests m;
};

static int pack_one(void *data, const struct request *request)
{
	Pepctl__Journal__Request *m = arena_alloc(&((struct packing *)data)->arena, sizeof(*m));
	struct packing *p = data;

	if (!m)
		return -ENOMEM;
	fill(request, m);
	p->m.requests[p->m.n_requests++] = m;
	return 0;
}

static int pack_all(struct store *s, struct packing *p, struct journal_record *ret)
{
	p->m.requests = arena_array(&p->arena, s->requests.entries.count, sizeof(*p->m.requests));
	if (!p->m.requests || request_memory_each(&s->requests, pack_one, p))
		return -ENOMEM;
	free(s->packed_requests);
	ret->size = pepctl__journal__requests__get_packed_size(&p->m);
	s->packed_requests = malloc(ret->size + 1);
	if (!s->packed_requests)
		return -ENOMEM;
	pepctl__journal__requests__pack(&p->m, s->packed_requests);
	ret->kind = RECORD_REQUESTS;
	ret->sequence = ++s->sequence;
	ret->payload = s->packed_requests;
	return 0;
}

int requests_record(struct store *s, struct journal_record *ret)
{
	struct packing p;
	int r;

	if (!s->requests.entries.count)
		return 1;
	arena_init(&p.arena, SIZE_MAX);
	pepctl__journal__requests__init(&p.m);
	r = pack_all(s, &p, ret);
	arena_deinit(&p.arena);
	return r;
}

int requests_read(struct store *s, const struct journal_record *record, struct error *err)
{
	Pepctl__Journal__Requests *m = pepctl__journal__requests__unpack(NULL, record->size, record->payload);
	int r = 0;

	if (!m)
		return error_set(err, ERROR_PRECONDITION, "JOURNAL", "a record of the journal is no list of requests");
	for (size_t i = 0; i < m->n_requests && !r; i++)
		r = request_read(s, m->requests[i]);
	pepctl__journal__requests__free_unpacked(m, NULL);
	return r ? error_set(err, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
}
