/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Single words: addresses, ports, protocols, durations, actions. */
#include "common/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "common/text_internal.h"

int text_wrong(char message[static 160], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, 160, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* Digits only, so that neither signs, spaces nor the locale matter. */
bool text_number(const char *word, size_t length, uint64_t maximum, uint64_t *ret)
{
	uint64_t value = 0;

	if (!length)
		return false;
	for (size_t i = 0; i < length; i++) {
		uint64_t digit = (uint64_t)(word[i] - '0');

		if (word[i] < '0' || word[i] > '9' || value > (maximum - MIN(digit, maximum)) / 10)
			return false;
		value = 10 * value + digit;
	}
	*ret = value;
	return value <= maximum;
}

/* --- addresses */

static int parse_set(const char *word, struct policy_address *ret, char message[static 160])
{
	if (!policy_name_valid(word + 1))
		return text_wrong(message, "\"%.80s\" is no set name: @ and 1 to %u of [A-Za-z0-9._-]", word,
			POLICY_NAME_MAX);
	*ret = (struct policy_address){.kind = POLICY_SET};
	snprintf(ret->set, sizeof(ret->set), "%s", word + 1);
	return 0;
}

/* The message gives the prefix that was probably meant. */
static int wrong_host_bits(const char *word, const struct policy_address *a,
	char message[static 160])
{
	struct policy_address meant = *a;
	char text[72];

	member_clear_host_bits(meant.bytes, a->family == 4 ? 4 : 16, a->length);
	text_format_address(&meant, text);
	return text_wrong(
		message, "\"%.60s\" has bits set behind its prefix length; write %s", word, text);
}

/* `kinds`: what the word may be. */
static int parse_prefix(const char *word, const char *kinds, struct policy_address *ret,
	char message[static 160])
{
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);
	struct policy_address a = {.kind = POLICY_PREFIX};
	uint64_t bits, most;
	char host[INET6_ADDRSTRLEN];

	if (length >= sizeof(host))
		return text_wrong(message, "\"%.80s\" is no IPv4 or IPv6 address%s", word, kinds);
	memcpy(host, word, length);
	host[length] = 0;
	a.family = strchr(host, ':') ? 6 : 4;
	if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, host, a.bytes) != 1)
		return text_wrong(message, "\"%.80s\" is no IPv4 or IPv6 address%s", word, kinds);
	bits = most = a.family == 4 ? 32 : 128;
	if (slash && !text_number(slash + 1, strlen(slash + 1), most, &bits))
		return text_wrong(message, "\"%.80s\": a prefix length of IPv%u is from 0 to %" PRIu64, word,
			a.family, most);
	a.length = (uint8_t)bits;
	if (member_host_bits(a.bytes, a.family == 4 ? 4 : 16, a.length))
		return wrong_host_bits(word, &a, message);
	*ret = a;
	return 0;
}

int text_parse_prefix(const char *word, struct policy_address *ret, char message[static 160])
{
	return parse_prefix(word, " or prefix", ret, message);
}

int text_parse_address(const char *word, struct policy_address *ret, char message[static 160])
{
	return *word == '@' ? parse_set(word, ret, message) :
			      parse_prefix(word, ", prefix or @set", ret, message);
}

void text_format_address(const struct policy_address *address, char ret[static 72])
{
	char host[INET6_ADDRSTRLEN];

	if (address->kind == POLICY_ANY) {
		snprintf(ret, 72, "any");
	} else if (address->kind == POLICY_SET) {
		snprintf(ret, 72, "@%s", address->set);
	} else {
		inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, host, sizeof(host));
		if (address->length == (address->family == 4 ? 32 : 128))
			snprintf(ret, 72, "%s", host);
		else
			snprintf(ret, 72, "%s/%u", host, address->length);
	}
}

/* --- ports and protocols */

int text_parse_ports(const char *word, struct policy_ports *ret, char message[static 160])
{
	size_t length = strcspn(word, "-");
	uint64_t first, last;

	if (!text_number(word, length, 65535, &first))
		return text_wrong(message, "\"%.80s\" is no port or range a-b of 0 to 65535", word);
	last = first;
	if (word[length] && !text_number(word + length + 1, strlen(word + length + 1), 65535, &last))
		return text_wrong(message, "\"%.80s\" is no port or range a-b of 0 to 65535", word);
	if (first > last)
		return text_wrong(message, "the range \"%.80s\" is upside down", word);
	*ret = (struct policy_ports){(uint16_t)first, (uint16_t)last};
	return 0;
}

/* IANA protocol numbers. */
static const struct {
	const char *name;
	uint8_t number;
} protos[] = {
	{"icmp", 1}, {"igmp", 2}, {"ipip", 4}, {"tcp", 6}, {"udp", 17}, {"dccp", 33}, {"ipv6", 41},
	{"rsvp", 46}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"icmpv6", 58}, {"eigrp", 88},
	{"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136},
};

int text_parse_proto(const char *word, uint8_t *ret, char message[static 160])
{
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (streq(protos[i].name, word)) {
			*ret = protos[i].number;
			return 0;
		}
	if (!text_number(word, strlen(word), 255, &number))
		return text_wrong(message,
			"\"%.60s\" is no protocol: tcp, udp, icmp, icmpv6, sctp, gre ... or a number to 255",
			word);
	*ret = (uint8_t)number;
	return 0;
}

void text_format_proto(uint8_t proto, char ret[static 16])
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (protos[i].number == proto) {
			snprintf(ret, 16, "%s", protos[i].name);
			return;
		}
	snprintf(ret, 16, "%u", proto);
}

/* --- durations */

static const struct {
	const char *unit;
	uint64_t ns;
} units[] = {
	{"w", 604800000000000}, {"d", 86400000000000}, {"h", 3600000000000}, {"m", 60000000000},
	{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1},
};

static const uint64_t *find_unit(const char *text, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].unit) == length && memcmp(units[i].unit, text, length) == 0)
			return &units[i].ns;
	return NULL;
}

int text_parse_duration(const char *word, uint64_t *ret_ns, char message[static 160])
{
	uint64_t sum = 0, value, part;
	const char *at = word;

	do {
		size_t digits = strspn(at, "0123456789");
		size_t letters = strcspn(at + digits, "0123456789");
		const uint64_t *unit = find_unit(at + digits, letters);

		if (!unit || !text_number(at, digits, INT64_MAX, &value) ||
			__builtin_mul_overflow(value, *unit, &part) ||
			__builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX)
			return text_wrong(message,
				"\"%.60s\" is no duration: numbers with w, d, h, m, s, ms, us or ns, as 1h30m",
				word);
		at += digits + letters;
	} while (*at);
	*ret_ns = sum;
	return 0;
}

void text_format_duration(uint64_t ns, char ret[static 32])
{
	uint64_t rest = ns;
	char text[64] = "0s";
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (rest / units[i].ns)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRIu64 "%s",
				rest / units[i].ns, units[i].unit);
		rest %= units[i].ns;
	}
	if (at < 32)
		memcpy(ret, text, 32);
	else
		snprintf(ret, 32, "%" PRIu64 "ns", ns);
}

/* --- actions */

static const char *const actions[POLICY_ACTION_MAX] = {
	[POLICY_ALLOW] = "allow",
	[POLICY_BLOCK] = "block",
	[POLICY_RATE_LIMIT] = "rate-limit",
	[POLICY_REJECT] = "reject",
	[POLICY_REFLECT] = "reflect",
	[POLICY_REDIRECT] = "redirect",
};

int text_parse_action_kind(const char *word, enum policy_action_kind *ret)
{
	for (int kind = 0; kind < POLICY_ACTION_MAX; kind++)
		if (streq(actions[kind], word)) {
			*ret = (enum policy_action_kind)kind;
			return 0;
		}
	return -EINVAL;
}

const char *text_action_kind(enum policy_action_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(actions) ? actions[kind] : "unknown";
}

/* --- rates and amounts: NUMBER[.DIGITS][k|M|G|T|Ki|Mi|Gi|Ti]UNIT */

static const struct {
	const char *prefix;
	uint64_t factor;
} prefixes[] = {
	{"Ki", 1ull << 10}, {"Mi", 1ull << 20}, {"Gi", 1ull << 30}, {"Ti", 1ull << 40},
	{"k", 1000}, {"K", 1000}, {"m", 1000000}, {"M", 1000000}, {"g", 1000000000},
	{"G", 1000000000}, {"t", 1000000000000}, {"T", 1000000000000}, {"", 1},
};

/* Decimal fractions, exact: 1.5M is 1500000. The rest of the word is what follows the number. */
static bool split_number(const char *word, uint64_t *ret_number, uint64_t *ret_divisor,
	const char **ret_rest)
{
	size_t whole = strspn(word, "0123456789"), digits = 0;
	uint64_t number, fraction = 0;

	if (!text_number(word, whole, POLICY_RATE_MAX, &number))
		return false;
	*ret_divisor = 1;
	if (word[whole] == '.') {
		digits = strspn(word + whole + 1, "0123456789");
		if (digits > 6 || !text_number(word + whole + 1, digits, 999999, &fraction))
			return false;
		for (size_t i = 0; i < digits; i++)
			*ret_divisor *= 10;
		digits++;
	}
	*ret_number = number * *ret_divisor + fraction;
	*ret_rest = word + whole + digits;
	return true;
}

bool text_amount(const char *word, const char *const suffixes[], size_t count, size_t *ret_suffix,
	uint64_t *ret)
{
	uint64_t number, divisor;
	const char *rest;

	if (!split_number(word, &number, &divisor, &rest))
		return false;
	for (size_t p = 0; p < ARRAY_SIZE(prefixes); p++) {
		size_t length = strlen(prefixes[p].prefix);
		unsigned __int128 value = (unsigned __int128)number * prefixes[p].factor;

		if (strncmp(rest, prefixes[p].prefix, length) != 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (!streq(rest + length, suffixes[i]))
				continue;
			if (value % divisor || value / divisor > UINT64_MAX)
				return false;
			*ret_suffix = i;
			*ret = (uint64_t)(value / divisor);
			return true;
		}
	}
	return false;
}

int text_parse_bytes(const char *word, uint64_t *ret)
{
	static const char *const suffixes[] = {"", "B"};
	size_t suffix;

	return text_amount(word, suffixes, ARRAY_SIZE(suffixes), &suffix, ret) ? 0 : -EINVAL;
}

/* The largest prefix that divides the value, so that reading it gives the same. */
void text_format_amount(uint64_t value, const char *suffix, char ret[static 32])
{
	static const struct {
		const char *prefix;
		uint64_t factor;
	} powers[] = {{"G", 1000000000}, {"M", 1000000}, {"k", 1000}, {"", 1}};
	size_t i = 0;

	while (powers[i].factor > 1 && (!value || value % powers[i].factor))
		i++;
	snprintf(ret, 32, "%" PRIu64 "%s%s", value / powers[i].factor, powers[i].prefix, suffix);
}

const char *text_reason(unsigned int reason)
{
	static const char *const names[] = {
		"none", "policy", "default", "rate", "malformed", "fragment", "headers", "failed", "shadow"};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}
