/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef PEP_CLIENT_EVENTS_PCAPNG_H
#define PEP_CLIENT_EVENTS_PCAPNG_H

#include "client/cli/cli.h"
#include "client/cli/pcapng.h"

struct events_pcapng {
	struct pcapng file;
	uint64_t lost; /* since the last packet */
};

/* What goes with --pcapng: a status. Events of packets alone are asked for. */
int events_pcapng_words(const struct cli *cli, struct events_filter *filter);
/* Writes the packet of the event with what became of it; losses stand with the next one. */
void events_pcapng(struct events_pcapng *w, const Pepctl__V1__Event *event);

#endif
