/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was done and refused, and by whom: for the log, and for who subscribes to it. */
#include <stdio.h>

#include "server/daemon.h"

#define REFUSALS_SECOND 100u /* lines of the log; more are counted */

static void publish(struct daemon *d, const Pepctl__V1__Event *event)
{
	size_t size = pepctl__v1__event__get_packed_size(event);
	_cleanup_free_ uint8_t *bytes = malloc(size + 1);

	if (!bytes || !d->hub)
		return;
	pepctl__v1__event__pack(event, bytes);
	hub_publish(d->hub, bytes, size, service_wall_now());
}

void daemon_publish_interface(struct daemon *d, const struct datapath_iface *iface)
{
	char name[IFACE_NAME_SIZE], reason[sizeof(iface->reason)];
	Pepctl__V1__InterfaceEvent m;
	Pepctl__V1__Event event;

	pepctl__v1__interface_event__init(&m);
	pepctl__v1__event__init(&event);
	memcpy(name, iface->name, sizeof(name));
	memcpy(reason, iface->reason, sizeof(reason));
	m.iface = name;
	m.reason = reason;
	m.state = (Pepctl__V1__InterfaceState)iface->state;
	m.detached = iface->slot == UINT32_MAX;
	event.event_case = PEPCTL__V1__EVENT__EVENT_INTERFACE;
	event.interface = &m;
	publish(d, &event);
}

static void committed(void *data, const struct store_commit *commit)
{
	_cleanup_free_ char *comment = strdup(commit->comment);
	char command[sizeof(commit->author->command)];
	Pepctl__V1__ChangeEvent m;
	Pepctl__V1__Event event;

	log_info("revision %llu by uid %u (%s, pid %u): %zu changes%s%s",
		(unsigned long long)commit->revision, commit->author->uid, commit->author->command,
		commit->author->pid, commit->change_total, *commit->comment ? ": " : "", commit->comment);
	for (size_t i = 0; i < commit->change_count; i++)
		log_debug("%s", commit->changes[i]);
	if (!comment)
		return;
	pepctl__v1__change_event__init(&m);
	pepctl__v1__event__init(&event);
	memcpy(command, commit->author->command, sizeof(command));
	m.revision = commit->revision;
	m.uid = commit->author->uid;
	m.pid = commit->author->pid;
	m.command = command;
	m.comment = comment;
	m.changes = (char **)(uintptr_t)commit->changes; /* packing reads only */
	m.n_changes = commit->change_count;
	m.changes_total = commit->change_total;
	event.event_case = PEPCTL__V1__EVENT__EVENT_CHANGE;
	event.change = &m;
	publish(data, &event);
}

/* Leases make no revision, and their events would be as many as they are: the log alone tells. */
static void leased(void *data, const struct store_author *author, const struct store_lease *lease,
	const struct store_lease_result *result)
{
	(void)data;
	log_info("leases of set %s by uid %u (%s, pid %u), owner %s: %llu added, %llu refreshed, %llu released, "
		 "%llu rejected",
		*lease->set ? lease->set : "(all)", author->uid, author->command, author->pid,
		lease->any_owner ? "(any)" : lease->owner, (unsigned long long)result->added,
		(unsigned long long)result->refreshed, (unsigned long long)result->released,
		(unsigned long long)result->rejected);
}

static void expired(void *data, char *const *lines, size_t count, size_t total)
{
	Pepctl__V1__ExpiryEvent m;
	Pepctl__V1__Event event;

	log_info("%zu lease%s ended", total, total == 1 ? "" : "s");
	pepctl__v1__expiry_event__init(&m);
	pepctl__v1__event__init(&event);
	m.leases = (char **)(uintptr_t)lines; /* packing reads only */
	m.n_leases = count;
	m.total = total;
	event.event_case = PEPCTL__V1__EVENT__EVENT_EXPIRY;
	event.expiry = &m;
	publish(data, &event);
}

void daemon_refused(void *data, const struct rpc_peer *peer, const struct method *method,
	const struct error *err)
{
	struct daemon *d = data;
	int64_t second = service_monotonic_now() / 1000000000;

	if (second != d->refusals.second) {
		if (d->refusals.count > REFUSALS_SECOND)
			log_info("refused: %u requests more", d->refusals.count - REFUSALS_SECOND);
		d->refusals.second = second;
		d->refusals.count = 0;
	}
	if (d->refusals.count++ < REFUSALS_SECOND)
		log_info("refused: %s by uid %u (%s, pid %u): %s: %s", method->name, peer->uid, peer->command,
			peer->pid, error_reason(err), error_message(err));
}

void daemon_news(struct store_backend *ret)
{
	ret->committed = committed;
	ret->leased = leased;
	ret->expired = expired;
}
