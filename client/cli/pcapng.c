/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/cli/pcapng.h"

#include <stdlib.h>
#include <string.h>

#include "common/macros.h"

/* Numbers of draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 3.5. */
enum { BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
#define BLOCK_SECTION 0x0a0d0d0au
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
enum { LINKTYPE_ETHERNET = 1 };
enum { OPTION_END = 0, OPTION_COMMENT = 1 };
enum { SECTION_APPLICATION = 4 };
enum { INTERFACE_NAME = 2, INTERFACE_RESOLUTION = 9 };
enum { PACKET_FLAGS = 2, PACKET_LOST = 4, PACKET_ID = 5, PACKET_VERDICT = 7 };
enum { FLAGS_INBOUND = 1, RESOLUTION_NANOSECONDS = 9, VERDICT_XDP = 2 };

/* --- blocks: type, length, body, length again; all of it in words of four bytes */

struct block {
	size_t size;
	uint8_t bytes[128 + PCAPNG_DATA_MAX + PCAPNG_TEXT_MAX];
};

static void put(struct block *b, const void *bytes, size_t size)
{
	memcpy(b->bytes + b->size, bytes, size);
	b->size += size;
	while (b->size % 4)
		b->bytes[b->size++] = 0;
}

static void put_word(struct block *b, uint32_t word)
{
	put(b, &word, sizeof(word));
}

static void put_option(struct block *b, uint16_t code, const void *value, size_t size)
{
	const uint16_t head[] = {code, (uint16_t)size};

	put(b, head, sizeof(head));
	put(b, value, size);
}

static void put_text(struct block *b, uint16_t code, const char *text)
{
	size_t size = strnlen(text, PCAPNG_TEXT_MAX);

	if (size)
		put_option(b, code, text, size);
}

static void block_begin(struct block *b, uint32_t type)
{
	b->size = 0;
	put_word(b, type);
	put_word(b, 0);
}

static void block_end(struct block *b, FILE *file)
{
	uint32_t size;

	put_option(b, OPTION_END, "", 0);
	size = (uint32_t)(b->size + sizeof(size));
	memcpy(b->bytes + sizeof(size), &size, sizeof(size));
	put_word(b, size);
	fwrite(b->bytes, 1, b->size, file);
}

/* --- the file */

void pcapng_begin(struct pcapng *ret, FILE *file, const char *application)
{
	static const uint16_t version[] = {1, 0};
	const uint64_t unknown = UINT64_MAX; /* length of the section */
	struct block b;

	*ret = (struct pcapng){.file = file};
	block_begin(&b, BLOCK_SECTION);
	put_word(&b, BYTE_ORDER_MAGIC);
	put(&b, version, sizeof(version));
	put(&b, &unknown, sizeof(unknown));
	put_text(&b, SECTION_APPLICATION, application);
	block_end(&b, file);
}

static void describe(struct pcapng *w, const char *name)
{
	static const uint16_t link[] = {LINKTYPE_ETHERNET, 0};
	static const uint8_t resolution = RESOLUTION_NANOSECONDS;
	struct block b;

	block_begin(&b, BLOCK_INTERFACE);
	put(&b, link, sizeof(link));
	put_word(&b, PCAPNG_DATA_MAX);
	put_text(&b, INTERFACE_NAME, name);
	put_option(&b, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	block_end(&b, w->file);
}

/* The interface's number, described when it is new; negative without memory. */
static long number(struct pcapng *w, const char *name)
{
	char **names;
	char *copy;

	for (size_t i = 0; i < w->n_names; i++)
		if (!strcmp(w->names[i], name))
			return (long)i;
	names = reallocarray(w->names, w->n_names + 1, sizeof(*names));
	if (!names)
		return -1;
	w->names = names;
	copy = strdup(name);
	if (!copy)
		return -1;
	describe(w, name);
	names[w->n_names] = copy;
	return (long)w->n_names++;
}

static void put_packet_options(struct block *b, const struct pcapng_packet *p)
{
	const uint32_t flags = FLAGS_INBOUND;

	put_text(b, OPTION_COMMENT, p->comment);
	put_option(b, PACKET_FLAGS, &flags, sizeof(flags));
	if (p->lost)
		put_option(b, PACKET_LOST, &p->lost, sizeof(p->lost));
	put_option(b, PACKET_ID, &p->id, sizeof(p->id));
	if (p->verdict >= 0) {
		const uint64_t verdict = (uint64_t)p->verdict;
		uint8_t value[1 + sizeof(verdict)] = {VERDICT_XDP};

		memcpy(value + 1, &verdict, sizeof(verdict));
		put_option(b, PACKET_VERDICT, value, sizeof(value));
	}
}

bool pcapng_packet(struct pcapng *w, const struct pcapng_packet *p)
{
	const long iface = number(w, p->iface);
	const size_t captured = MIN(p->captured, (size_t)PCAPNG_DATA_MAX);
	struct block b;

	if (iface < 0)
		return false;
	block_begin(&b, BLOCK_PACKET);
	put_word(&b, (uint32_t)iface);
	put_word(&b, (uint32_t)((uint64_t)p->time >> 32));
	put_word(&b, (uint32_t)p->time);
	put_word(&b, (uint32_t)captured);
	put_word(&b, MAX(p->length, (uint32_t)captured));
	if (captured)
		put(&b, p->data, captured);
	put_packet_options(&b, p);
	block_end(&b, w->file);
	return true;
}

void pcapng_end(struct pcapng *w)
{
	for (size_t i = 0; i < w->n_names; i++)
		free(w->names[i]);
	free(w->names);
	*w = (struct pcapng){0};
}
