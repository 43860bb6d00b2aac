/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "truncation.h"

#include <stdio.h>

#include "frame.h"

enum { CLOSED = 1, BANNED = 2, PORT = 3, STRICT = 6 };

/* All from the banned source, all to port 80 where there is a port. */
static const struct {
	const char *text;
	int has_port;
} kinds[] = {
	{"bad4 tcp pay=3", 1},
	{"bad4 udp pay=3", 1},
	{"bad4 udplite pay=3", 1},
	{"bad4 sctp pay=3", 1},
	{"bad4 dccp pay=3", 1},
	{"bad4 icmp=8 pay=3", 0},
	{"bad4 gre pay=3", 0},
	{"bad4 esp pay=3", 0},
	{"bad4 opts tcp pay=3", 1},
	{"bad4 tcp offset=8 pay=3", 0},
	{"vlan=5 bad4 tcp pay=3", 1},
	{"svlan=5 vlan=6 bad4 opts udp pay=3", 1},
	{"bad6 tcp pay=3", 1},
	{"bad6 udp pay=3", 1},
	{"bad6 udplite pay=3", 1},
	{"bad6 sctp pay=3", 1},
	{"bad6 dccp pay=3", 1},
	{"bad6 icmp6=128 pay=3", 0},
	{"bad6 icmp6=135 ttl=255 pay=3", 0},
	{"bad6 gre pay=3", 0},
	{"bad6 hop tcp pay=3", 1},
	{"bad6 route udp pay=3", 1},
	{"bad6 dst:2 tcp pay=3", 1},
	{"bad6 ah tcp pay=3", 1},
	{"bad6 frag tcp pay=3", 1},
	{"bad6 frag offset=8 tcp pay=3", 0},
	{"svlan=5 vlan=6 bad6 hop dst route frag ah dst tcp pay=3", 1},
	{"bad6 dst*8 udp pay=3", 1},
};

static int expect(const char *text, size_t size, const char *what, int got, int expected)
{
	if (got == expected)
		return 0;
	fprintf(stderr, "\"%s\" cut to %zu: %s is %d, expected %d\n", text, size, what, got,
		expected);
	return 1;
}

/* What each ruleset makes of the frame cut to each size: all sizes by one before the next. */
static struct matrix_verdict verdicts[MATRIX_RULESETS][FRAME_MAX + 1];

static int check_cut(const struct frame *frame, size_t kind, size_t size)
{
	size_t addresses = frame->l3 + (frame->data[frame->l3] >> 4 == 6 ? 40 : 20);
	int has_address = size >= addresses;
	int has_ports = kinds[kind].has_port && size >= frame->l4 + 4;
	int whole = size == frame->size;
	const char *text = kinds[kind].text;
	struct matrix_verdict closed = verdicts[CLOSED][size];
	struct matrix_verdict strict = verdicts[STRICT][size];
	int wrong = 0;

	wrong += expect(text, size, "ban", verdicts[BANNED][size].letter == 'P', has_address);
	wrong += expect(text, size, "port", verdicts[PORT][size].letter == 'P', has_ports);
	wrong += expect(text, size, "malformed", strict.letter == 'M', !whole);
	wrong += expect(text, size, "error", closed.error != PEP_PARSE_OK, !whole);
	wrong += expect(text, size, "pass without address", closed.letter == 'm', !has_address);
	return wrong;
}

int truncation_check(truncation_judge judge, size_t least, void *context)
{
	static const size_t rulesets[] = {CLOSED, BANNED, PORT, STRICT};
	static struct frame frame;
	int wrong = 0;

	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		frame_build(&frame, kinds[kind].text);
		for (size_t i = 0; i < sizeof(rulesets) / sizeof(rulesets[0]); i++)
			for (size_t size = least; size <= frame.size; size++)
				verdicts[rulesets[i]][size] =
					judge(rulesets[i], frame.data, size, context);
		for (size_t size = least; size <= frame.size; size++)
			wrong += check_cut(&frame, kind, size);
	}
	return wrong;
}
