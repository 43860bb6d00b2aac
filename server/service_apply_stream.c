/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ApplyStream: a transaction in many messages. Nothing happens before the last. */
#include <errno.h>
#include <stdio.h>

#include "common/frame.h"
#include "server/service_apply.h"

/* What one stream may hold: sets have their members in it, policies each their change. */
#define STREAM_HELD_BASE       ((size_t)256 << 20)
#define STREAM_HELD_PER_POLICY 1024u
#define STREAMS_HELD_USER      2u          /* as much as so many full streams */

/* The answer has an effect for each change: it must fit an arena (4 bytes each) and a frame (1). */
#define CHANGES_MAX                                                                                \
	((STREAM_HELD_BASE + (size_t)STREAM_HELD_PER_POLICY * PEP_POLICIES_MAX) /                  \
		sizeof(struct change))
_Static_assert(CHANGES_MAX < ARENA_BUDGET_DEFAULT / 4 - (64u << 10) &&
		       CHANGES_MAX < FRAME_BODY_MAX - (128u << 10),
	"a transaction that fits the limit can be answered");

static void on_deadline(uv_timer_t *timer)
{
	struct apply *a = timer->data;
	struct call *call = a->call;
	struct error err = ERROR_INIT;

	service_apply_free(a);
	error_set(&err, ERROR_DEADLINE, NULL,
		"the deadline passed before the end of the stream; nothing was changed");
	call_fail(call, &err);
}

static int timer_start(struct apply *a, int64_t deadline)
{
	int64_t left = deadline - service_monotonic_now();

	if (!deadline)
		return 0;
	a->timer = malloc(sizeof(*a->timer));
	if (!a->timer)
		return -ENOMEM;
	uv_timer_init(a->service->loop, a->timer);
	a->timer->data = a;
	return uv_timer_start(a->timer, on_deadline, (uint64_t)MAX(left, 0) / 1000000 + 1, 0);
}

static int on_open(void *data, struct call *call, void **ret_stream, struct error *err)
{
	struct apply *a = service_apply_new(data, call);

	if (a && timer_start(a, call_deadline(call)) < 0) {
		service_apply_free(a);
		a = NULL;
	}
	*ret_stream = a;
	return a ? 0 : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static int keep_options(struct apply *a, const struct apply_options *o, struct error *err)
{
	int r;

	if (a->messages++) {
		if (!o->mode && !o->has_expected && !o->validate_only && !o->force &&
			!o->confirm_timeout && !*o->request_id && !*o->comment &&
			!o->protect_count)
			return 0;
		return error_violation(err, "",
			"message %zu has more than operations; the options of a "
			"transaction are those of the stream's first message",
			a->messages);
	}
	r = service_read_apply(o, &a->tx, err);
	if (r)
		return r;
	a->tx.comment = a->comment = strdup(o->comment);
	if (*o->request_id)
		a->request_id = strdup(o->request_id);
	return a->comment && (a->request_id || !*o->request_id) ? 0 : error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* Before it is held: the bytes on the wire stand for what the changes own besides themselves. */
static int charge(struct apply *a, size_t bytes, struct error *err)
{
	struct service *s = a->service;
	int r;

	if (bytes > s->apply_max - a->held)
		return error_set(err, ERROR_LIMIT, "TRANSACTION_TOO_LARGE",
			"the transaction needs more than %zu MiB, which is the limit with a "
			"--max-policies of "
			"%u; make it smaller, or raise that",
			s->apply_max >> 20, store_max_policies(s->store));
	r = quota_charge(&s->apply_quota, a->tx.author.uid, bytes, err);
	if (!r)
		a->held += bytes;
	return r;
}

static int on_message(void *stream, const void *message, size_t size, struct error *err)
{
	const Pepctl__V1__ApplyStreamRequest *request = message;
	const struct apply_options options = APPLY_OPTIONS(request);
	struct apply *a = stream;
	int r = keep_options(a, &options, err);

	if (!r && a->request_id)
		r = service_read_request_id(a->request_id, &request->base, &a->tx, err);
	if (!r)
		r = charge(a, size + request->n_operations * sizeof(struct change), err);
	if (!r)
		r = service_read_operations(
			request->operations, request->n_operations, &a->tx.changes, err);
	if (!r)
		r = service_apply_warnings(a, request->operations, request->n_operations, err);
	if (!r)
		call_count_from(a->call, a->tx.changes.count);
	return r;
}

/* From here on the store minds the deadline. */
static void on_stream_closed(void *stream)
{
	struct apply *a = stream;

	service_apply_untimed(a);
	store_submit(a->service->store, &a->tx, service_on_applied, a);
}

static void on_cancelled(void *stream)
{
	service_apply_free(stream);
}

void service_apply_stream_init(struct service *s)
{
	static const struct rpc_receiver receiver = {
		on_open, on_message, on_stream_closed, on_cancelled};

	s->apply_max =
		STREAM_HELD_BASE + (size_t)STREAM_HELD_PER_POLICY * store_max_policies(s->store);
	s->apply_quota.limit = STREAMS_HELD_USER * s->apply_max;
	rpc_receive(s->rpc, METHOD_APPLY_STREAM, &receiver, s);
}
