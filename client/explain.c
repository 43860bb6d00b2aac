/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/explain.h"

#include <errno.h>
#include <stdio.h>

#include "common/flow.h"
#include "common/text.h"

/* Behind them stand those that a policy line has not. */
static const char *const keys[] = {"proto", "src", "dst", "sport", "dport", "vlan", "icmp-type",
	"tcp-flags", "iface", "length", "hex"};
#define KEYS_OF_POLICY 9u

const char *explain_key(size_t index)
{
	return index < ARRAY_SIZE(keys) ? keys[index] : NULL;
}

struct reading {
	struct arena *arena;
	Pepctl__V1__ExplainPacketRequest *request;
	Pepctl__V1__Flow *flow;
	const char *hex;
	const char *fields[2 * KEYS_OF_POLICY + 1]; /* for the grammar of policies */
	size_t count;
	struct error *err;
};

static int unknown_key(const char *word, struct error *err)
{
	char known[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			i ? ", " : "", keys[i]);
	return error_violation(err, "", "\"%.80s\" is no keyword: %s", word, known);
}

static int read_length(struct reading *r, const char *word)
{
	unsigned long value = strtoul(word, NULL, 10);

	if (!*word || word[strspn(word, "0123456789")] || strlen(word) > 5 || !value)
		return error_violation(r->err, "", "length: \"%.80s\" is no number of bytes", word);
	r->flow->length = (uint32_t)value;
	return 0;
}

/* Flags of a packet are what it has, not what is looked at: "syn,ack" is syn,ack/syn,ack. */
static int keep_field(struct reading *r, const char *key, const char *word)
{
	if (streq(key, "tcp-flags")) {
		if (strchr(word, '/'))
			return error_violation(r->err, "",
				"tcp-flags: \"%.80s\": a packet has flags and no mask, as in "
				"syn,ack",
				word);
		word = arena_printf(r->arena, "%s/%s", word, word);
	}
	if (!word)
		return error_set(r->err, ERROR_LIMIT, "MEMORY", "out of memory");
	r->fields[r->count++] = key;
	r->fields[r->count++] = word;
	return 0;
}

static int read_key(struct reading *r, const char *key, const char *word, unsigned int *seen)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(keys) && !streq(keys[i], key))
		i++;
	if (i == ARRAY_SIZE(keys))
		return unknown_key(key, r->err);
	if (!word)
		return error_violation(r->err, "", "%s: its value is missing", key);
	if (*seen & 1u << i)
		return error_violation(r->err, "", "%s comes twice", key);
	*seen |= 1u << i;
	if (streq(key, "length"))
		return read_length(r, word);
	if (i < KEYS_OF_POLICY)
		return keep_field(r, key, word);
	r->hex = word;
	return 0;
}

static int set_address(
	struct reading *r, const char *field, const struct policy_address *from, char **to)
{
	char text[72];

	if (from->kind == POLICY_ANY)
		return 0;
	text_format_address(from, text);
	if (from->kind == POLICY_SET || strchr(text, '/'))
		return error_violation(
			r->err, "", "%s: a packet has one address, not %s", field, text);
	*to = arena_strdup(r->arena, text);
	return *to ? 0 : error_set(r->err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static int set_port(
	struct reading *r, const char *field, const struct policy_ports *from, uint32_t *to)
{
	if (from->first == 0 && from->last == UINT16_MAX)
		return 0;
	*to = from->first;
	if (from->first != from->last)
		return error_violation(r->err, "", "%s: a packet has one port, not %u-%u", field,
			from->first, from->last);
	return 0;
}

static int set_iface(struct reading *r, const struct policy_match *m)
{
	if (m->iface_count > 1)
		return error_violation(r->err, "", "iface: a packet arrives on one interface");
	if (m->iface_count)
		r->request->iface = arena_strdup(r->arena, m->ifaces[0]);
	return 0;
}

static int set_icmp(struct reading *r, const struct policy_match *m)
{
	Pepctl__V1__IcmpType *to;

	if (!m->has_icmp_type)
		return 0;
	to = r->flow->icmp_type = arena_alloc(r->arena, sizeof(*to));
	if (!to)
		return error_set(r->err, ERROR_LIMIT, "MEMORY", "out of memory");
	pepctl__v1__icmp_type__init(to);
	to->type = m->icmp_type;
	to->code_present_case = m->has_icmp_code ? PEPCTL__V1__ICMP_TYPE__CODE_PRESENT_CODE : 0;
	to->code = m->icmp_code;
	return 0;
}

static int set_fields(struct reading *r, const struct policy_match *m)
{
	Pepctl__V1__Flow *to = r->flow;

	to->proto_present_case = m->has_proto ? PEPCTL__V1__FLOW__PROTO_PRESENT_PROTO : 0;
	to->proto = m->proto;
	to->vlan_present_case = m->has_vlan ? PEPCTL__V1__FLOW__VLAN_PRESENT_VLAN : 0;
	to->vlan = m->vlan;
	to->tcp_flags_present_case =
		m->has_tcp_flags ? PEPCTL__V1__FLOW__TCP_FLAGS_PRESENT_TCP_FLAGS : 0;
	to->tcp_flags = m->tcp_flags_value;
	if (set_address(r, "src", &m->src, &to->src) || set_address(r, "dst", &m->dst, &to->dst) ||
		set_port(r, "sport", &m->sport, &to->sport) ||
		set_port(r, "dport", &m->dport, &to->dport) || set_icmp(r, m))
		return -EINVAL;
	return set_iface(r, m);
}

/* The words go through the grammar of policies, whose messages are as good here. */
static int read_fields(struct reading *r)
{
	struct text_problems problems = {0};
	_cleanup_policy_ struct policy p;
	const char *words[ARRAY_SIZE(r->fields)] = {"packet"};
	struct flow flow;
	int result = 0;

	policy_init(&p);
	memcpy(&words[1], r->fields, r->count * sizeof(*words));
	if (r->count && text_parse_fields(words, r->count + 1, &p, &problems) < 0)
		result = error_violation(r->err, "", "%s",
			problems.count ? problems.items[0].message : "out of memory");
	text_problems_deinit(&problems);
	if (!result)
		result = set_fields(r, &p.match);
	return result ? result : flow_from_proto(r->flow, "flow", &flow, r->err);
}

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Spaces and colons between bytes are as people copy them. */
static int read_hex(struct reading *r)
{
	uint8_t *bytes = arena_alloc(r->arena, FLOW_BYTES_MAX);
	const char *at = r->hex;
	size_t size = 0;

	if (!bytes)
		return error_set(r->err, ERROR_LIMIT, "MEMORY", "out of memory");
	while (*(at += strspn(at, " :\t\n"))) {
		int high = nibble(at[0]), low = nibble(at[1]);

		if (high < 0 || low < 0)
			return error_violation(r->err, "",
				"hex: \"%.20s\" does not begin with two hexadecimal digits", at);
		if (size == FLOW_BYTES_MAX)
			return error_violation(
				r->err, "", "hex: a frame has at most %u bytes", FLOW_BYTES_MAX);
		bytes[size++] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	if (size < FLOW_BYTES_MIN)
		return error_violation(r->err, "",
			"hex: %zu bytes are no frame, which has at least %u", size, FLOW_BYTES_MIN);
	r->request->packet_case = PEPCTL__V1__EXPLAIN_PACKET_REQUEST__PACKET_FRAME;
	r->request->frame = (ProtobufCBinaryData){.len = size, .data = bytes};
	return 0;
}

/* Beside a frame only the interface is left to tell. */
static int check_alone(const struct reading *r)
{
	bool alone =
		!r->flow->length && (!r->count || (r->count == 2 && streq(r->fields[0], "iface")));

	return alone ? 0
		     : error_violation(r->err, "", "hex is a whole frame: only iface goes with it");
}

int explain_read(const char *const words[], size_t count, struct arena *arena,
	Pepctl__V1__ExplainPacketRequest *ret, struct error *err)
{
	struct reading r = {.arena = arena, .request = ret, .err = err};
	unsigned int seen = 0;
	int result = 0;

	pepctl__v1__explain_packet_request__init(ret);
	r.flow = arena_alloc(arena, sizeof(*r.flow));
	if (!r.flow)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	pepctl__v1__flow__init(r.flow);
	for (size_t i = 0; i < count && !result; i += 2)
		result = read_key(&r, words[i], i + 1 < count ? words[i + 1] : NULL, &seen);
	if (!result && r.hex)
		result = check_alone(&r);
	if (!result)
		result = read_fields(&r);
	if (result || r.hex)
		return result ? result : read_hex(&r);
	ret->packet_case = PEPCTL__V1__EXPLAIN_PACKET_REQUEST__PACKET_FLOW;
	ret->flow = r.flow;
	return 0;
}
