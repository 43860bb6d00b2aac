/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* StreamEvents and the operator's view of subscriptions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "server/service.h"

#define QUEUE_MIN (64u << 10)
#define QUEUE_MAX (16u << 20)
#define FILTER_NAMES_MAX 64u /* each is compared with every event */

/* The stream of one subscriber. */
struct feed {
	struct call *call;
	struct hub_subscriber *subscriber;
	size_t reserved; /* of the user: its queue */
};

/* --- the filter */

static int read_names(const char *field, char *const *names, size_t count, size_t width,
	void *ret_items, size_t *ret_count, struct error *err)
{
	char *items;

	if (count > FILTER_NAMES_MAX)
		return error_violation(err, field, "%zu names; at most %u", count, FILTER_NAMES_MAX);
	items = count ? calloc(count, width) : NULL;
	if (count && !items)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i]) >= width) {
			free(items);
			return error_violation(err, field, "\"%.80s\" is too long", names[i]);
		}
		snprintf(items + i * width, width, "%s", names[i]);
	}
	*(char **)ret_items = items;
	*ret_count = count;
	return 0;
}

static int read_address(const char *field, const char *text, struct policy_address *ret,
	struct error *err)
{
	char message[160];

	if (!*text)
		return 0;
	if (text_parse_address(text, ret, message) < 0)
		return error_violation(err, field, "%s", message);
	if (ret->kind == POLICY_SET)
		return error_violation(err, field, "a filter takes an address or a prefix, not a set");
	return 0;
}

static int read_numbers(const Pepctl__V1__EventFilter *m, struct hub_filter *ret, struct error *err)
{
	for (size_t i = 0; i < m->n_action; i++) {
		if ((unsigned int)m->action[i] >= POLICY_ACTION_MAX)
			return error_violation(err, "filter.action", "%d is no ActionKind",
				(int)m->action[i]);
		ret->actions |= 1u << m->action[i];
	}
	if (m->dport && (m->dport->first > m->dport->last || m->dport->last > 65535))
		return error_violation(err, "filter.dport", "%u-%u is no range of ports",
			m->dport->first, m->dport->last);
	if (m->dport)
		ret->dport = (struct policy_ports){
			(uint16_t)m->dport->first, (uint16_t)m->dport->last};
	if (m->proto_present_case && m->proto > 255)
		return error_violation(err, "filter.proto", "%u is not from 0 to 255", m->proto);
	ret->has_proto = m->proto_present_case;
	ret->proto = (uint8_t)m->proto;
	return 0;
}

static int read_filter(const Pepctl__V1__EventFilter *m, struct hub_filter *ret, struct error *err)
{
	int r;

	if (!m)
		return 0;
	r = read_names("filter.policy", m->policy, m->n_policy, POLICY_NAME_MAX + 1, &ret->policies,
		&ret->policy_count, err);
	if (!r)
		r = read_names("filter.iface", m->iface, m->n_iface, IFACE_NAME_SIZE, &ret->ifaces,
			&ret->iface_count, err);
	if (!r)
		r = read_address("filter.src", m->src, &ret->src, err);
	if (!r)
		r = read_address("filter.dst", m->dst, &ret->dst, err);
	ret->no_packets = m->no_packets;
	ret->no_changes = m->no_changes;
	return r ? r : read_numbers(m, ret, err);
}

static int read_options(const Pepctl__V1__StreamEventsRequest *request, const struct rpc_peer *peer,
	struct hub_options *ret, struct error *err)
{
	if (request->queue_bytes && (request->queue_bytes < QUEUE_MIN || request->queue_bytes > QUEUE_MAX))
		return error_violation(err, "queue_bytes", "%u is not from %u to %u, or 0",
			request->queue_bytes, QUEUE_MIN, QUEUE_MAX);
	if (strlen(request->name) >= sizeof(ret->name))
		return error_violation(err, "name", "longer than %zu characters", sizeof(ret->name) - 1);
	if (request->marker_nano < 0)
		return error_violation(err, "marker_nano", "is negative");
	ret->cancel_on_overflow = request->overflow == PEPCTL__V1__OVERFLOW__OVERFLOW_CANCEL;
	ret->queue_bytes = request->queue_bytes;
	ret->has_since = request->since_present_case;
	ret->since = request->since;
	ret->count = request->count;
	ret->marker_interval = (uint64_t)request->marker_nano;
	snprintf(ret->name, sizeof(ret->name), "%s", request->name);
	ret->uid = peer->uid;
	ret->pid = peer->pid;
	memcpy(ret->command, peer->command, sizeof(ret->command));
	return read_filter(request->filter, &ret->filter, err);
}

/* --- the stream */

static size_t on_room(void *data)
{
	return call_room(((struct feed *)data)->call);
}

static int on_send(void *data, const void *bytes, size_t size)
{
	return call_send_packed(((struct feed *)data)->call, bytes, size);
}

static void on_ended(void *data, struct error *err)
{
	struct feed *feed = data;

	user_release(call_peer(feed->call)->user, feed->reserved);
	if (err)
		call_fail(feed->call, err);
	else
		call_finish(feed->call);
	free(feed);
}

static void on_writable(void *data)
{
	hub_pump(((struct feed *)data)->subscriber);
}

static void on_cancelled(void *data)
{
	struct feed *feed = data;

	hub_unsubscribe(feed->subscriber);
	user_release(call_peer(feed->call)->user, feed->reserved);
	free(feed);
}

/* The whole queue is charged to the user: it may fill at any time. */
static int subscribe(struct service *s, struct feed *feed, struct error *err)
{
	const struct rpc_peer *peer = call_peer(feed->call);
	struct hub_sink sink = {on_room, on_send, on_ended, feed};
	struct hub_options options = {0};
	int r = read_options(call_request(feed->call), peer, &options, err);
	size_t queue = options.queue_bytes ? options.queue_bytes : HUB_QUEUE_DEFAULT;

	if (!r)
		r = user_take(peer->user, queue, err);
	if (!r) {
		feed->reserved = queue;
		r = hub_subscribe(s->hub, &options, &sink, err, &feed->subscriber);
	}
	if (r) {
		user_release(peer->user, feed->reserved);
		hub_filter_deinit(&options.filter);
	}
	return r;
}

static void stream_events(void *data, struct call *call)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	struct error err = ERROR_INIT;
	struct service *s = data;

	if (!feed) {
		service_fail_memory(call);
		return;
	}
	feed->call = call;
	if (subscribe(s, feed, &err)) {
		free(feed);
		call_fail(call, &err);
		return;
	}
	call_watch(call, on_writable, on_cancelled, feed);
	event_ring_rearm(s->ring);
}

/* --- the operator's view */

struct listing {
	struct call *call;
	Pepctl__V1__ListSubscriptionsResponse *answer;
	size_t room;
	bool failed;
};

static Pepctl__V1__Marker *marker_message(struct call *call, const char *id,
	const struct hub_accounting *a)
{
	Pepctl__V1__Marker *m = SERVICE_MESSAGE(call, marker);

	if (!m || !(m->subscription = arena_strdup(call_arena(call), id)))
		return NULL;
	m->decisions = a->decisions;
	m->delivered = a->delivered;
	m->filtered = a->filtered;
	m->lost = a->lost;
	m->suppressed = a->suppressed;
	m->ring_full = a->ring_full;
	return m;
}

static void on_subscription(const struct hub_subscription_info *info, void *data)
{
	struct listing *l = data;
	Pepctl__V1__Subscription *m = SERVICE_MESSAGE(l->call, subscription);

	if (!m || l->answer->n_subscriptions == l->room) {
		l->failed |= !m;
		return;
	}
	m->id = arena_strdup(call_arena(l->call), info->id);
	m->name = arena_strdup(call_arena(l->call), info->name);
	m->command = arena_strdup(call_arena(l->call), info->command);
	m->accounting = marker_message(l->call, info->id, &info->accounting);
	m->uid = info->uid;
	m->pid = info->pid;
	m->since_time = info->since_time;
	m->queued_bytes = info->queued_bytes;
	m->queue_limit = info->queue_limit;
	m->lag = info->lag;
	l->failed |= !m->id || !m->name || !m->command || !m->accounting;
	l->answer->subscriptions[l->answer->n_subscriptions++] = m;
}

static void list_subscriptions(void *data, struct call *call)
{
	struct service *s = data;
	struct listing l = {
		.call = call,
		.answer = SERVICE_MESSAGE(call, list_subscriptions_response),
		.room = hub_totals(s->hub).subscriptions,
	};

	if (l.answer)
		l.answer->subscriptions =
			arena_array(call_arena(call), l.room, sizeof(*l.answer->subscriptions));
	if (l.answer && l.answer->subscriptions)
		hub_each(s->hub, on_subscription, &l);
	if (!l.answer || !l.answer->subscriptions || l.failed)
		service_fail_memory(call);
	else
		call_reply(call, &l.answer->base);
}

static void cancel_subscription(void *data, struct call *call)
{
	const Pepctl__V1__CancelSubscriptionRequest *request = call_request(call);
	struct service *s = data;
	struct error err = ERROR_INIT;

	if (hub_cancel(s->hub, request->id, &err))
		call_fail(call, &err);
	else
		call_reply_packed(call, NULL, 0);
}

void service_events_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_STREAM_EVENTS, stream_events, s);
	rpc_handle(s->rpc, METHOD_LIST_SUBSCRIPTIONS, list_subscriptions, s);
	rpc_handle(s->rpc, METHOD_CANCEL_SUBSCRIPTION, cancel_subscription, s);
}
