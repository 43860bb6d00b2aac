/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The event stream of libpepctl, on a connection of its own. */
#include <errno.h>

#include "client/library.h"
#include "common/text.h"
#include "pepctl.pb-c.h"

struct pepctl_events {
	struct client *connection;
	uint32_t stream;
	struct arena arena; /* of the event given out */
	bool ended;
};

int pepctl_events_new(const char *socket, const struct pepctl_event_filter *filter,
	struct pepctl_error *error, pepctl_events **ret)
{
	static const struct pepctl_event_filter everything;
	struct pepctl_events *events = calloc(1, sizeof(*events));
	Pepctl__V1__StreamEventsRequest request;
	Pepctl__V1__EventFilter message;
	struct error err = ERROR_INIT;
	char *policy, *iface;

	filter = filter ? filter : &everything;
	policy = (char *)(uintptr_t)filter->policy;
	iface = (char *)(uintptr_t)filter->iface;
	pepctl__v1__stream_events_request__init(&request);
	pepctl__v1__event_filter__init(&message);
	message.policy = &policy;
	message.n_policy = policy && *policy;
	message.iface = &iface;
	message.n_iface = iface && *iface;
	if (filter->src)
		message.src = (char *)(uintptr_t)filter->src;
	if (filter->dst)
		message.dst = (char *)(uintptr_t)filter->dst;
	request.filter = &message;
	request.count = filter->count;
	if (filter->since)
		request.since_present_case = PEPCTL__V1__STREAM_EVENTS_REQUEST__SINCE_PRESENT_SINCE;
	request.since = filter->since;
	if (!events)
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	else if (!client_open(socket, &err, &events->connection) &&
		 !call_start(events->connection, METHOD_STREAM_EVENTS, &request.base, &events->stream,
			 &err)) {
		arena_init(&events->arena, ARENA_BUDGET_DEFAULT);
		*ret = events;
		return PEPCTL_OK;
	}
	if (events && events->connection)
		client_free(events->connection);
	free(events);
	return library_fail(&err, error);
}

void pepctl_events_free(pepctl_events *events)
{
	if (!events)
		return;
	client_free(events->connection);
	arena_deinit(&events->arena);
	free(events);
}

int pepctl_events_fd(const pepctl_events *events)
{
	return events->connection->fd;
}

static void set_packet(const Pepctl__V1__PacketEvent *p, struct pepctl_event *ret)
{
	ret->type = PEPCTL_EVENT_PACKET;
	ret->iface = p->iface;
	ret->src = p->src;
	ret->dst = p->dst;
	ret->policy = p->policy;
	ret->action = text_action_kind((enum policy_action_kind)p->action);
	ret->reason = text_reason(p->reason);
	ret->sport = (uint16_t)p->sport;
	ret->dport = (uint16_t)p->dport;
	ret->proto = (uint8_t)p->proto;
	ret->length = p->length;
	ret->revision = p->revision;
}

static void set_marker(const Pepctl__V1__Marker *m, struct pepctl_event *ret)
{
	ret->type = PEPCTL_EVENT_MARKER;
	ret->decisions = m->decisions;
	ret->delivered = m->delivered;
	ret->filtered = m->filtered;
	ret->lost = m->lost;
	ret->suppressed = m->suppressed;
	ret->ring_full = m->ring_full;
}

static void set_event(const Pepctl__V1__Event *e, struct pepctl_event *ret)
{
	*ret = (struct pepctl_event){.type = PEPCTL_EVENT_OTHER, .seq = e->seq, .time = e->time,
		.iface = "", .src = "", .dst = "", .policy = "", .action = "", .reason = ""};
	switch (e->event_case) {
	case PEPCTL__V1__EVENT__EVENT_PACKET:
		set_packet(e->packet, ret);
		break;
	case PEPCTL__V1__EVENT__EVENT_MARKER:
		set_marker(e->marker, ret);
		break;
	case PEPCTL__V1__EVENT__EVENT_LOST:
		ret->type = PEPCTL_EVENT_LOST;
		ret->lost = e->lost->count;
		ret->suppressed = e->lost->suppressed;
		ret->ring_full = e->lost->ring_full;
		break;
	case PEPCTL__V1__EVENT__EVENT_CHANGE:
		ret->type = PEPCTL_EVENT_CHANGE;
		ret->revision = e->change->revision;
		break;
	case PEPCTL__V1__EVENT__EVENT_INTERFACE:
		ret->type = PEPCTL_EVENT_INTERFACE;
		ret->iface = e->interface->iface;
		ret->reason = e->interface->reason;
		break;
	case PEPCTL__V1__EVENT__EVENT_EXPIRY:
		ret->type = PEPCTL_EVENT_EXPIRY;
		break;
	default:
		break;
	}
}

int pepctl_events_next(
	pepctl_events *events, struct pepctl_event *ret, struct pepctl_error *error)
{
	struct error err = ERROR_INIT;
	Pepctl__V1__Event *event;
	int r = 0;

	arena_reset(&events->arena);
	if (!events->ended)
		r = call_next(events->connection, METHOD_STREAM_EVENTS, events->stream, 0,
			&events->arena, &event, &err);
	if (r == -EAGAIN && !error_is_set(&err))
		return 0;
	if (r > 0) {
		set_event(event, ret);
		return 1;
	}
	events->ended = true;
	if (error_is_set(&err))
		library_fail(&err, error);
	else if (error)
		*error = (struct pepctl_error){.code = PEPCTL_OK};
	return -1;
}
