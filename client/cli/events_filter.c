/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The words behind events: which of them, and from where to where. */
#include <errno.h>
#include <stdio.h>

#include "client/cli/cli.h"

static int read_policy(struct events_filter *f, const char *word)
{
	if (!policy_name_valid(word))
		return usage_error("policy: \"%s\" is no name", word);
	if (f->message.n_policy == ARRAY_SIZE(f->policies))
		return usage_error("policy: more than %zu names", ARRAY_SIZE(f->policies));
	f->policies[f->message.n_policy++] = (char *)(uintptr_t)word;
	return EXIT_DONE;
}

static int read_iface(struct events_filter *f, const char *word)
{
	if (!iface_name_valid(word))
		return usage_error("iface: \"%s\" is no interface name", word);
	if (f->message.n_iface == ARRAY_SIZE(f->ifaces))
		return usage_error("iface: more than %zu names", ARRAY_SIZE(f->ifaces));
	f->ifaces[f->message.n_iface++] = (char *)(uintptr_t)word;
	return EXIT_DONE;
}

static int read_action(struct events_filter *f, const char *word)
{
	enum policy_action_kind kind;

	if (text_parse_action_kind(word, &kind) < 0)
		return usage_error("action: \"%s\" is no action: allow, block, reject, rate-limit, reflect "
				   "or redirect",
			word);
	for (size_t i = 0; i < f->message.n_action; i++)
		if (f->actions[i] == (Pepctl__V1__ActionKind)kind)
			return EXIT_DONE;
	f->actions[f->message.n_action++] = (Pepctl__V1__ActionKind)kind;
	return EXIT_DONE;
}

static int read_address(const char *key, const char *word, char **ret)
{
	struct policy_address address;
	char message[160];

	if (text_parse_address(word, &address, message) < 0)
		return usage_error("%s: %s", key, message);
	if (address.kind == POLICY_SET)
		return usage_error("%s: a filter takes an address or a prefix, not a set", key);
	*ret = (char *)(uintptr_t)word;
	return EXIT_DONE;
}

static int read_src(struct events_filter *f, const char *word)
{
	return read_address("src", word, &f->message.src);
}

static int read_dst(struct events_filter *f, const char *word)
{
	return read_address("dst", word, &f->message.dst);
}

static int read_dport(struct events_filter *f, const char *word)
{
	struct policy_ports ports;
	char message[160];

	if (text_parse_ports(word, &ports, message) < 0)
		return usage_error("dport: %s", message);
	pepctl__v1__port_range__init(&f->dport);
	f->dport.first = ports.first;
	f->dport.last = ports.last;
	f->message.dport = &f->dport;
	return EXIT_DONE;
}

static int read_proto(struct events_filter *f, const char *word)
{
	char message[160];
	uint8_t proto;

	if (text_parse_proto(word, &proto, message) < 0)
		return usage_error("proto: %s", message);
	f->message.proto_present_case = PEPCTL__V1__EVENT_FILTER__PROTO_PRESENT_PROTO;
	f->message.proto = proto;
	return EXIT_DONE;
}

static int read_number(const char *key, const char *word, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno)
		return usage_error("%s: \"%s\" is no number", key, word);
	return EXIT_DONE;
}

static int read_count(struct events_filter *f, const char *word)
{
	int status = read_number("--count", word, &f->request->count);

	if (!status && !f->request->count)
		return usage_error("--count: 0 events are none; leave it out to follow without end");
	return status;
}

static int read_since(struct events_filter *f, const char *word)
{
	f->request->since_present_case = PEPCTL__V1__STREAM_EVENTS_REQUEST__SINCE_PRESENT_SINCE;
	return read_number("--since", word, &f->request->since);
}

static int read_pcapng(struct events_filter *f, const char *word)
{
	f->pcapng = word;
	return *word ? EXIT_DONE : usage_error("--pcapng: the name of the file is empty");
}

static const struct {
	const char *key, *value, *help;
	int (*read)(struct events_filter *f, const char *word);
	bool again;
} keys[] = {
	{"policy", "NAME", "decided by it; may be repeated, as action and iface: any of them", read_policy, true},
	{"action", "ACTION", "allow, block, reject, rate-limit, reflect or redirect", read_action, true},
	{"iface", "DEV", "received there", read_iface, true},
	{"src", "ADDRESS", "an address or a prefix", read_src, false},
	{"dst", "ADDRESS", "an address or a prefix", read_dst, false},
	{"dport", "PORT", "80 or 8000-8080", read_dport, false},
	{"proto", "PROTO", "tcp, udp, icmp ... or a number", read_proto, false},
	{"--count", "N", "end after so many packets", read_count, false},
	{"--since", "SEQ", "first what is still kept behind this event", read_since, false},
	{"--pcapng", "FILE", "packets alone, for wireshark and tcpdump; - is standard output", read_pcapng, false},
};

const char *events_key(size_t index)
{
	return index < ARRAY_SIZE(keys) ? keys[index].key : NULL;
}

static int unknown_key(const char *key)
{
	char known[160] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
			keys[i].key);
	return usage_error("\"%s\" is no keyword: %s", key, known);
}

static int read_key(struct words *words, struct events_filter *f, unsigned int *seen)
{
	const char *key = words_next(words), *word = words_next(words);
	size_t i = 0;

	while (i < ARRAY_SIZE(keys) && !streq(keys[i].key, key))
		i++;
	if (i == ARRAY_SIZE(keys))
		return unknown_key(key);
	if (!word)
		return usage_error("%s: its value is missing", key);
	if (*seen & 1u << i && !keys[i].again)
		return usage_error("%s comes twice", key);
	*seen |= 1u << i;
	return keys[i].read(f, word);
}

int events_filter(struct words *words, struct events_filter *ret,
	Pepctl__V1__StreamEventsRequest *request)
{
	unsigned int seen = 0;
	int status = EXIT_DONE;

	*ret = (struct events_filter){.request = request};
	pepctl__v1__event_filter__init(&ret->message);
	ret->message.policy = ret->policies;
	ret->message.iface = ret->ifaces;
	ret->message.action = ret->actions;
	request->filter = &ret->message;
	while (!status && words->at < words->count)
		status = read_key(words, ret, &seen);
	return status;
}

void events_help(void)
{
	printf("Usage: pepctl events [KEY VALUE]... [--count N] [--since SEQ] [--pcapng FILE]\n"
	       "  follows what is blocked, above its rate or logged, and what changes; losses are\n"
	       "  told in line\n\n"
	       "KEY VALUE, all of them must fit:\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		printf("  %s %-*s %s\n", keys[i].key, (int)(18 - strlen(keys[i].key)), keys[i].value,
			keys[i].help);
}
