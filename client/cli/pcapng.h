/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Packets as a pcapng file: draft-ietf-opsawg-pcapng, one section, the host's byte order, Ethernet.
 * Interfaces are described when their first packet comes, so that a reader may follow the file.
 */
#ifndef PEP_CLIENT_PCAPNG_H
#define PEP_CLIENT_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PCAPNG_DATA_MAX 256
#define PCAPNG_TEXT_MAX 512

struct pcapng {
	FILE *file;   /* the caller's; an error stays in ferror() */
	char **names; /* of the interfaces that are described, by number */
	size_t n_names;
};

struct pcapng_packet {
	const char *iface;
	int64_t time;    /* ns since 1970 */
	const uint8_t *data;
	size_t captured; /* bytes of data, at most PCAPNG_DATA_MAX */
	uint32_t length; /* of the whole frame */
	uint64_t id;     /* the same packet has it in other files */
	uint64_t lost;   /* packets that came before it and are missing; told when not 0 */
	int verdict;     /* enum xdp_action; -1 = none told */
	const char *comment; /* ASCII, PCAPNG_TEXT_MAX characters of it are written; "" = none */
};

/* Writes the heading of the section. `application` says who writes. */
void pcapng_begin(struct pcapng *ret, FILE *file, const char *application);
/* False when there is no memory for another interface. */
bool pcapng_packet(struct pcapng *w, const struct pcapng_packet *packet);
void pcapng_end(struct pcapng *w); /* does not close the file */

#endif
