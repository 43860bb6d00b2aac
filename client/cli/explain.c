/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* explain: what happens to a packet, and why nothing else does. */
#include "client/explain.h"

#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/rules.h"

#define WORDS_MAX 32u

/* The words of one question. */
struct question {
	const char *words[WORDS_MAX]; /* of the packet */
	size_t count;
	const char *candidate; /* policy file; NULL = the ruleset in force */
	bool merge;            /* it is added */
};

/* --- words */

static int read_word(struct words *words, const char *word, struct question *ret)
{
	bool is_option = words->at - 1 < words->options_end && *word == '-';

	if (is_option && streq(word, "--merge")) {
		ret->merge = true;
		return EXIT_DONE;
	}
	if (is_option && streq(word, "--candidate")) {
		if (ret->candidate)
			return usage_error("--candidate comes twice");
		ret->candidate = words_next(words);
		return ret->candidate ? EXIT_DONE
				      : usage_error("--candidate: the policy file is missing");
	}
	if (is_option && !streq(word, "--hex"))
		return usage_error(
			"\"%s\" is no option of explain: --candidate FILE, --merge, --hex FRAME",
			word);
	if (ret->count == WORDS_MAX)
		return usage_error("\"%s\" is one word too many", word);
	ret->words[ret->count++] = is_option ? &word[2] : word;
	return EXIT_DONE;
}

static int read_words(struct words *words, struct question *ret)
{
	const char *word;
	int status = EXIT_DONE;

	while (!status && (word = words_next(words)))
		status = read_word(words, word, ret);
	if (!status && !ret->count)
		status = usage_error(
			"explain: the packet is missing, as proto tcp src 203.0.113.9 dport 22");
	if (!status && ret->merge && !ret->candidate)
		status = usage_error("--merge goes with --candidate FILE");
	return status;
}

static int read_packet(
	struct cli *cli, const struct question *q, Pepctl__V1__ExplainPacketRequest *ret)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!explain_read(q->words, q->count, &cli->arena, ret, &err))
		return EXIT_DONE;
	return usage_error(
		"%s", err.violation_count ? err.violations[0].description : error_message(&err));
}

/* --- the candidate */

static int read_candidate(struct cli *cli, const struct question *q, struct rules *rules,
	Pepctl__V1__ExplainPacketRequest *request)
{
	int status = rules_read(q->candidate, rules);

	if (status)
		return status;
	rules_print_errors(rules);
	if (rules->errors.count)
		return usage_error("%s has %zu error%s", rules->name, rules->errors.count,
			rules->errors.count == 1 ? "" : "s");
	request->operations =
		arena_array(&cli->arena, rules->changes.count, sizeof(*request->operations));
	for (size_t i = 0; request->operations && i < rules->changes.count; i++) {
		request->operations[i] = change_to_proto(&rules->changes.items[i], &cli->arena);
		if (!request->operations[i])
			return usage_error("out of memory");
	}
	request->n_operations = rules->changes.count;
	request->mode = q->merge ? PEPCTL__V1__APPLY_MODE__MODE_MERGE
				 : PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL;
	return request->operations ? EXIT_DONE : usage_error("out of memory");
}

static int refused(const struct rules *rules, struct error *err)
{
	int status = cli_status(err);

	if (!rules->name || !rules_print_refusal(rules, err))
		return cli_fail(err);
	fprintf(stderr, "pepctl: pepctld would refuse %s\n", rules->name);
	error_deinit(err);
	return status;
}

/* --- JSON */

static json_t *packet_json(const Pepctl__V1__Packet *p)
{
	json_t *object;
	char proto[16];

	text_format_proto((uint8_t)p->proto, proto);
	object = json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:b}", "src", p->src, "dst", p->dst,
		"proto", *p->src ? proto : "", "length", (int)p->length, "ip_length",
		(int)p->ip_length, "fragment", p->fragment, "neighbour_discovery",
		p->neighbour_discovery);
	if (p->sport_present_case)
		json_object_set_new(object, "sport", json_integer(p->sport));
	if (p->dport_present_case)
		json_object_set_new(object, "dport", json_integer(p->dport));
	if (p->vlan_present_case)
		json_object_set_new(object, "vlan", json_integer(p->vlan));
	if (p->icmp_type)
		json_object_set_new(object, "icmp_type",
			json_sprintf("%u/%u", p->icmp_type->type, p->icmp_type->code));
	if (p->tcp_flags_present_case)
		json_object_set_new(object, "tcp_flags", json_integer(p->tcp_flags));
	if (*p->parse_error)
		json_object_set_new(object, "parse_error", json_string(p->parse_error));
	return object;
}

static json_t *considered_json(const Pepctl__V1__ExplainPacketResponse *m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < m->n_considered; i++)
		json_array_append_new(all,
			json_pack("{s:s, s:b, s:s}", "policy", m->considered[i]->policy, "matched",
				m->considered[i]->matched, "why", m->considered[i]->why));
	return all;
}

static void print_json(const Pepctl__V1__ExplainPacketResponse *m)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I}", "verdict",
		text_action_kind((enum policy_action_kind)m->verdict), "policy", m->policy,
		"reason", text_reason(m->reason), "line", m->line, "shadow", m->shadow, "packet",
		packet_json(m->packet), "considered", considered_json(m), "considered_total",
		(json_int_t)m->considered_total, "revision", (json_int_t)m->revision);

	if (m->limiter)
		json_object_set_new(object, "limiter",
			json_pack("{s:I, s:I, s:s, s:b}", "available",
				(json_int_t)m->limiter->available, "burst",
				(json_int_t)m->limiter->burst, "unit",
				m->limiter->unit == PEPCTL__V1__RATE_UNIT__RATE_PACKETS ? "packets"
											: "bytes",
				"passes", m->limiter->passes));
	output_json(object);
}

/* --- text */

static void print_packet(const Pepctl__V1__Packet *p)
{
	char proto[16];

	text_format_proto((uint8_t)p->proto, proto);
	printf("packet: ");
	if (p->vlan_present_case)
		printf("vlan %u ", p->vlan);
	if (*p->src)
		printf("proto %s src %s dst %s ", proto, p->src, p->dst);
	if (p->sport_present_case)
		printf("sport %u dport %u ", p->sport, p->dport);
	if (p->icmp_type)
		printf("icmp-type %u/%u ", p->icmp_type->type, p->icmp_type->code);
	if (p->tcp_flags_present_case)
		printf("tcp-flags 0x%02x ", p->tcp_flags);
	printf("%u bytes%s%s%s%s\n", p->length, p->fragment ? ", a fragment but the first" : "",
		p->neighbour_discovery ? ", neighbour discovery" : "",
		*p->parse_error ? ", malformed: " : "", p->parse_error);
}

static void print_verdict(const Pepctl__V1__ExplainPacketResponse *m)
{
	printf("%s", text_action_kind((enum policy_action_kind)m->verdict));
	if (*m->policy)
		printf(" by policy %s\n  policy %s\n", m->policy, m->line);
	else if (m->reason == PEPCTL__V1__REASON__REASON_DEFAULT)
		printf(" by default: no policy matches\n");
	else if (m->reason == PEPCTL__V1__REASON__REASON_NONE)
		printf(": no policy is asked about what is no IP packet\n");
	else
		printf(" before any policy is asked: %s\n", text_reason(m->reason));
	if (m->limiter)
		printf("limiter: %llu of %llu %s are left; the packet %s\n",
			(unsigned long long)m->limiter->available,
			(unsigned long long)m->limiter->burst,
			m->limiter->unit == PEPCTL__V1__RATE_UNIT__RATE_PACKETS ? "packets"
										: "bytes",
			m->limiter->passes ? "would pass" : "would be dropped");
	if (*m->shadow)
		printf("shadow: policy %s would decide\n", m->shadow);
}

static void print_considered(const Pepctl__V1__ExplainPacketResponse *m)
{
	size_t others = m->n_considered - (*m->policy && m->n_considered);
	int width = 0;

	for (size_t i = 0; i < others; i++)
		width = MAX(width, (int)strlen(m->considered[i]->policy));
	if (others)
		printf("%s:\n", *m->policy ? "before it, in this order" : "asked, in this order");
	for (size_t i = 0; i < others; i++)
		printf("  %-*s  %s\n", width, m->considered[i]->policy, m->considered[i]->why);
	if (m->considered_total > m->n_considered)
		printf("  and %llu more that do not match\n",
			(unsigned long long)(m->considered_total - m->n_considered));
}

/* --- the whole */

static int ask(
	struct cli *cli, const struct rules *rules, const Pepctl__V1__ExplainPacketRequest *request)
{
	Pepctl__V1__ExplainPacketResponse *m;
	struct error err = ERROR_INIT;
	int status = cli_client(cli);

	if (status)
		return status;
	if (call_unary(cli->client, METHOD_EXPLAIN_PACKET, &request->base, &cli->arena, &m, &err))
		return refused(rules, &err);
	cli_warn(m->warnings, m->n_warnings);
	if (cli->json) {
		print_json(m);
		return EXIT_DONE;
	}
	print_verdict(m);
	print_packet(m->packet);
	print_considered(m);
	return EXIT_DONE;
}

static int help(void)
{
	printf("Usage: pepctl explain KEY VALUE... [--candidate FILE [--merge]]\n"
	       "       pepctl explain --hex FRAME [iface DEV] [--candidate FILE [--merge]]\n"
	       "  what happens to a packet, which policy decides, and why those before it do not;\n"
	       "  the packet program itself is asked, and nothing counts it\n"
	       "  --candidate FILE  about the ruleset that apply FILE would make; nothing is "
	       "changed\n"
	       "  --merge           about that of apply FILE --merge\n"
	       "  --hex FRAME       the bytes of an Ethernet frame, 14 to 3520\n\n"
	       "KEY VALUE, each once; what is left out has the value in parentheses:\n"
	       "  proto PROTO (tcp), src and dst ADDRESS (0.0.0.0), sport PORT (49152), dport PORT "
	       "(0),\n"
	       "  iface DEV (none), vlan ID (no tag), icmp-type TYPE[/CODE] (an echo request),\n"
	       "  tcp-flags FLAGS (syn), length BYTES of the IP packet (the shortest)\n");
	return EXIT_DONE;
}

int explain_main(struct cli *cli, struct words *words)
{
	_cleanup_rules_ struct rules rules = {0};
	Pepctl__V1__ExplainPacketRequest request;
	struct question q = {0};
	int status;

	if (words_take(words, "help"))
		return help();
	status = read_words(words, &q);
	if (!status)
		status = read_packet(cli, &q, &request);
	if (!status && q.candidate)
		status = read_candidate(cli, &q, &rules, &request);
	return status ? status : ask(cli, &rules, &request);
}
