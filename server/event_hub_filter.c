/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/event_hub_internal.h"

#include <arpa/inet.h>

void hub_filter_deinit(struct hub_filter *filter)
{
	free(filter->policies);
	free(filter->ifaces);
	*filter = (struct hub_filter){ 0 };
}

static bool has_policy(const struct hub_filter *filter, const char name[PEP_NAME_SIZE])
{
	for (size_t i = 0; i < filter->policy_count; i++)
		if (strncmp(filter->policies[i], name, PEP_NAME_SIZE) == 0)
			return true;
	return !filter->policy_count;
}

static bool has_iface(const struct hub_filter *filter, const char *name)
{
	for (size_t i = 0; i < filter->iface_count; i++)
		if (streq(filter->ifaces[i], name))
			return true;
	return !filter->iface_count;
}

static bool has_address(
	const struct policy_address *address, uint8_t family, const __be32 packet[4])
{
	const uint8_t *bytes = (const uint8_t *)packet;
	size_t whole = address->length / 8;
	unsigned int rest = address->length % 8;

	if (address->kind == POLICY_ANY)
		return true;
	if (address->kind != POLICY_PREFIX || address->family != family)
		return false;
	if (memcmp(address->bytes, bytes, whole) != 0)
		return false;
	return !rest || (address->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool has_port(const struct policy_ports *ports, uint16_t port)
{
	return !ports->last || (port >= ports->first && port <= ports->last);
}

/* The cheap ones first. */
bool hub_filter_packet(const struct hub_filter *filter, const struct hub_packet *packet)
{
	const struct pep_event *e = packet->event;

	return !filter->no_packets &&
		(!filter->actions || (e->action < 32 && filter->actions >> e->action & 1)) &&
		(!filter->has_proto || filter->proto == e->proto) &&
		has_port(&filter->dport, ntohs(e->dport)) &&
		has_address(&filter->src, e->family, e->src) &&
		has_address(&filter->dst, e->family, e->dst) &&
		has_policy(filter, e->policy) && has_iface(filter, packet->iface);
}
