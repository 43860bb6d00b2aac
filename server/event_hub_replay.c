/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a subscriber that names the last seq it saw gets first. It is told before
 * what it cannot get: events that are no longer kept, and those that its queue
 * has no room for, the oldest of both.
 */
#include "server/event_hub_internal.h"

static bool wants_entry(const struct hub_subscriber *s, const struct hub_entry *entry)
{
	struct hub_packet packet = { &entry->event, entry->iface, entry->wall_time };

	if (entry->message)
		return !s->options.filter.no_changes;
	return hub_filter_packet(&s->options.filter, &packet);
}

/* The packed entry; `buffer` holds it unless it is kept packed. */
static const uint8_t *entry_bytes(
	const struct hub_entry *entry, uint8_t buffer[static EVENT_PACK_MAX], size_t *ret_size)
{
	struct hub_packet packet = { &entry->event, entry->iface, entry->wall_time };

	if (entry->message) {
		*ret_size = entry->message_size;
		return entry->message;
	}
	*ret_size = event_pack(entry->seq, &packet, buffer);
	return buffer;
}

/* Index of the first entry that fits with all after it; the wanted ones before add to *missing. */
static size_t replay_start(const struct hub_subscriber *s, uint64_t since, uint64_t *missing)
{
	const struct hub_backlog *backlog = &s->hub->backlog;
	uint8_t buffer[EVENT_PACK_MAX];
	size_t start = backlog->count, total = 0, size;

	for (size_t i = backlog->count; i-- > 0;) {
		const struct hub_entry *entry = hub_backlog_at(backlog, i);

		if (entry->seq <= since)
			break;
		if (!wants_entry(s, entry))
			continue;
		entry_bytes(entry, buffer, &size);
		total += event_queue_cost(size);
		if (total <= s->options.queue_bytes)
			start = i;
		else
			++*missing;
	}
	return start;
}

static void replay_entry(struct hub_subscriber *s, const struct hub_entry *entry)
{
	uint8_t buffer[EVENT_PACK_MAX];
	size_t size;
	const uint8_t *bytes = entry_bytes(entry, buffer, &size);

	if (hub_subscriber_emit(s, bytes, size) && !entry->message)
		s->replayed++;
}

/* A seq that is not reached yet is of an earlier daemon: all that is kept is new then. */
void hub_subscriber_replay(struct hub_subscriber *s)
{
	const struct hub_backlog *backlog = &s->hub->backlog;
	uint64_t since = s->options.since > s->hub->seq ? 0 : s->options.since;
	uint64_t oldest = backlog->count ? hub_backlog_at(backlog, 0)->seq : s->hub->seq + 1;
	uint64_t missing = oldest > since + 1 && since == s->options.since ? oldest - since - 1 : 0;
	uint8_t lost[EVENT_PACK_CONTROL_MAX];
	size_t start = replay_start(s, since, &missing);

	if (missing)
		hub_subscriber_emit(s, lost, event_pack_lost(hub_wall_time(), missing, 0, 0, lost));
	for (size_t i = start; i < backlog->count && !s->dead && !hub_subscriber_is_complete(s);
		i++)
		if (wants_entry(s, hub_backlog_at(backlog, i)))
			replay_entry(s, hub_backlog_at(backlog, i));
}
