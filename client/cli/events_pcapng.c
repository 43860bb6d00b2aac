/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Events of packets as pcapng, for wireshark and tcpdump. */
#include <linux/bpf.h>
#include <stdio.h>
#include <unistd.h>

#include "client/cli/events_pcapng.h"

int events_pcapng_words(const struct cli *cli, struct events_filter *filter)
{
	if (cli->json)
		return usage_error("--json and --pcapng are two forms of the same: take one of them");
	if (streq(filter->pcapng, "-") && isatty(STDOUT_FILENO))
		return usage_error("--pcapng -: a terminal cannot show it; name a file, or add "
				   "| wireshark -k -i -");
	filter->message.no_changes = true;
	return EXIT_DONE;
}

/* What the packet program returned; -1 = not told, since a shadow policy decides nothing. */
static int verdict(const Pepctl__V1__PacketEvent *p)
{
	if (p->reason == PEPCTL__V1__REASON__REASON_SHADOW)
		return -1;
	if (p->reason == PEPCTL__V1__REASON__REASON_RATE)
		return XDP_DROP;
	switch (p->action) {
	case PEPCTL__V1__ACTION_KIND__ACTION_BLOCK:
		return XDP_DROP;
	case PEPCTL__V1__ACTION_KIND__ACTION_REJECT:
	case PEPCTL__V1__ACTION_KIND__ACTION_REFLECT:
		return XDP_TX;
	case PEPCTL__V1__ACTION_KIND__ACTION_REDIRECT:
		return XDP_REDIRECT;
	default:
		return XDP_PASS;
	}
}

static void comment(const Pepctl__V1__PacketEvent *p, uint64_t lost, char ret[static PCAPNG_TEXT_MAX])
{
	int size = snprintf(ret, PCAPNG_TEXT_MAX, "%s by %s%s, reason %s%s%s, revision %llu",
		text_action_kind((enum policy_action_kind)p->action),
		*p->policy ? "policy " : "no policy", p->policy, text_reason(p->reason),
		*p->parse_error ? ", " : "", p->parse_error, (unsigned long long)p->revision);

	if (lost && size > 0 && size < PCAPNG_TEXT_MAX)
		snprintf(ret + size, PCAPNG_TEXT_MAX - (size_t)size, "; %llu events before it are missing",
			(unsigned long long)lost);
}

static void put_packet(struct events_pcapng *w, const Pepctl__V1__Event *event)
{
	const Pepctl__V1__PacketEvent *p = event->packet;
	char text[PCAPNG_TEXT_MAX];

	comment(p, w->lost, text);
	if (pcapng_packet(&w->file,
		&(struct pcapng_packet){
			.iface = p->iface,
			.time = event->time,
			.data = p->captured.data,
			.captured = p->captured.len,
			.length = p->length,
			.id = event->seq,
			.lost = w->lost,
			.verdict = verdict(p),
			.comment = text,
		}))
		w->lost = 0;
	else
		w->lost++; /* no memory for its interface */
}

void events_pcapng(struct events_pcapng *w, const Pepctl__V1__Event *event)
{
	if (event->event_case == PEPCTL__V1__EVENT__EVENT_PACKET)
		put_packet(w, event);
	else if (event->event_case == PEPCTL__V1__EVENT__EVENT_LOST)
		w->lost += event->lost->count + event->lost->suppressed + event->lost->ring_full;
}
