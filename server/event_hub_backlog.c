/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The latest events, for who comes back and names the last seq it saw. */
#include "server/event_hub_internal.h"

#include <errno.h>

/* Not zeroed, so that its pages cost nothing until events come. */
int hub_backlog_init(struct hub_backlog *backlog)
{
	*backlog = (struct hub_backlog){ 0 };
	backlog->entries = malloc(HUB_BACKLOG_EVENTS * sizeof(*backlog->entries));
	return backlog->entries ? 0 : -ENOMEM;
}

static struct hub_entry *entry_at(const struct hub_backlog *backlog, size_t index)
{
	return &backlog->entries[(backlog->first + index) % HUB_BACKLOG_EVENTS];
}

const struct hub_entry *hub_backlog_at(const struct hub_backlog *backlog, size_t index)
{
	return entry_at(backlog, index);
}

static void drop_oldest(struct hub_backlog *backlog)
{
	struct hub_entry *entry = entry_at(backlog, 0);

	if (entry->message) {
		backlog->message_bytes -= entry->message_size;
		free(entry->message);
	}
	backlog->first = (backlog->first + 1) % HUB_BACKLOG_EVENTS;
	backlog->count--;
}

void hub_backlog_deinit(struct hub_backlog *backlog)
{
	while (backlog->count)
		drop_oldest(backlog);
	free(backlog->entries);
	*backlog = (struct hub_backlog){ 0 };
}

static struct hub_entry *append(struct hub_backlog *backlog)
{
	if (backlog->count == HUB_BACKLOG_EVENTS)
		drop_oldest(backlog);
	return entry_at(backlog, backlog->count++);
}

void hub_backlog_add_packet(
	struct hub_backlog *backlog, uint64_t seq, const struct hub_packet *packet)
{
	size_t length = strnlen(packet->iface, IFACE_NAME_SIZE - 1);
	struct hub_entry *entry = append(backlog);

	entry->seq = seq;
	entry->wall_time = packet->wall_time;
	entry->message = NULL;
	entry->event = *packet->event;
	memcpy(entry->iface, packet->iface, length);
	entry->iface[length] = 0;
}

void hub_backlog_add_message(
	struct hub_backlog *backlog, uint64_t seq, uint8_t *message, size_t size)
{
	struct hub_entry *entry;

	while (backlog->count && backlog->message_bytes + size > HUB_BACKLOG_BODIES)
		drop_oldest(backlog);
	entry = append(backlog);
	entry->seq = seq;
	entry->message = message;
	entry->message_size = size;
	backlog->message_bytes += size;
}
