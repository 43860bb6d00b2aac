/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "flow_disturb.h"

static void forget_transport(struct oracle_packet *packet)
{
	packet->has_ports = packet->has_icmp = packet->has_tcp = false;
	packet->sport = packet->dport = 0;
	packet->icmp_type = packet->icmp_code = packet->tcp_flags = 0;
}

void flow_become_discovery(struct rng *rng, struct oracle_packet *packet)
{
	if (packet->family != 6)
		return;
	forget_transport(packet);
	packet->proto = 58;
	packet->has_icmp = packet->discovery = true;
	packet->icmp_type = (uint8_t)rng_between(rng, 133, 137);
}

/* What is left when no IP header could be read, or there is none. */
static void forget_ip(struct oracle_packet *packet)
{
	struct oracle_packet left = {.has_vlan = packet->has_vlan, .vlan = packet->vlan};

	strcpy(left.iface, packet->iface);
	left.flow_percent = packet->flow_percent;
	*packet = left;
}

/* Cut in the IP header, before the ports, or behind them; or only the IP length is wrong. */
static void damage(struct rng *rng, struct oracle_packet *packet)
{
	switch (rng_below(rng, 6)) {
	case 0:
		forget_ip(packet);
		break;
	case 1:
	case 2:
		forget_transport(packet);
		break;
	case 3:
	case 4:
		packet->has_tcp = false;
		packet->tcp_flags = 0;
	}
	packet->fault = ORACLE_MALFORMED;
}

void flow_disturb(struct rng *rng, struct oracle_packet *packet)
{
	switch (rng_below(rng, 80)) {
	case 0:
	case 1:
		packet->fragment = true;
		forget_transport(packet);
		break;
	case 2:
		damage(rng, packet);
		break;
	case 3:
		flow_become_discovery(rng, packet);
		break;
	case 4:
		if (rng_percent(rng, 50))
			packet->fault = ORACLE_HEADERS;
		else
			forget_ip(packet);
	}
}
