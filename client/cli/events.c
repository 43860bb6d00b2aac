/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>

#include "client/cli/cli.h"
#include "common/text.h"

/* --- JSON */

static const char *reason_name(Pepctl__V1__Reason reason)
{
	static const char *const names[] = {
		"none", "policy", "default", "rate", "malformed", "fragment", "headers", "failed"};

	return (size_t)reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}

static json_t *packet_json(const Pepctl__V1__Event *event)
{
	const Pepctl__V1__PacketEvent *p = event->packet;
	char proto[16];
	json_t *object;

	text_format_proto((uint8_t)p->proto, proto);
	object = json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:s, s:s, s:s, s:I}",
		"seq", (json_int_t)event->seq, "time", output_time(event->time), "type", "packet",
		"iface", p->iface, "src", p->src, "dst", p->dst, "sport", (int)p->sport, "dport",
		(int)p->dport, "proto", proto, "length", (int)p->length, "action",
		text_action_kind((enum policy_action_kind)p->action), "reason", reason_name(p->reason),
		"policy", p->policy, "revision", (json_int_t)p->revision);
	if (p->vlan_present_case)
		json_object_set_new(object, "vlan", json_integer(p->vlan));
	if (p->proto == 1 || p->proto == 58)
		json_object_set_new(object, "icmp_type", json_sprintf("%u/%u", p->icmp_type, p->icmp_code));
	if (*p->parse_error)
		json_object_set_new(object, "parse_error", json_string(p->parse_error));
	json_object_set_new(object, "cpu", json_integer(p->cpu));
	json_object_set_new(object, "cpu_number", json_integer((json_int_t)p->cpu_number));
	return object;
}

static json_t *change_json(const Pepctl__V1__Event *event)
{
	const Pepctl__V1__ChangeEvent *c = event->change;
	json_t *lines = json_array();

	for (size_t i = 0; i < c->n_changes; i++)
		json_array_append_new(lines, json_string(c->changes[i]));
	return json_pack("{s:I, s:o, s:s, s:I, s:I, s:I, s:s, s:s, s:o}", "seq", (json_int_t)event->seq,
		"time", output_time(event->time), "type", "change", "revision", (json_int_t)c->revision,
		"uid", (json_int_t)c->uid, "pid", (json_int_t)c->pid, "command", c->command, "comment",
		c->comment, "changes", lines);
}

static json_t *event_json(const Pepctl__V1__Event *e)
{
	static const char *const states[] = {"attached", "absent", "failed"};

	switch (e->event_case) {
	case PEPCTL__V1__EVENT__EVENT_PACKET:
		return packet_json(e);
	case PEPCTL__V1__EVENT__EVENT_LOST:
		return json_pack("{s:s, s:I, s:I, s:I}", "type", "lost", "count",
			(json_int_t)e->lost->count, "suppressed", (json_int_t)e->lost->suppressed,
			"ring_full", (json_int_t)e->lost->ring_full);
	case PEPCTL__V1__EVENT__EVENT_MARKER:
		return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "type", "marker", "decisions",
			(json_int_t)e->marker->decisions, "delivered", (json_int_t)e->marker->delivered,
			"filtered", (json_int_t)e->marker->filtered, "lost", (json_int_t)e->marker->lost,
			"suppressed", (json_int_t)e->marker->suppressed, "ring_full",
			(json_int_t)e->marker->ring_full, "subscription", e->marker->subscription);
	case PEPCTL__V1__EVENT__EVENT_CHANGE:
		return change_json(e);
	case PEPCTL__V1__EVENT__EVENT_INTERFACE:
		return json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:b}", "seq", (json_int_t)e->seq, "time",
			output_time(e->time), "type", "interface", "iface", e->interface->iface, "state",
			states[MIN((size_t)e->interface->state, 2u)], "reason", e->interface->reason,
			"detached", (int)e->interface->detached);
	default:
		return json_pack("{s:s}", "type", "unknown");
	}
}

/* --- text */

static void print_end(const char *address, uint32_t port)
{
	if (!port)
		printf("%s", *address ? address : "?");
	else if (strchr(address, ':'))
		printf("[%s]:%u", address, port);
	else
		printf("%s:%u", address, port);
}

static void print_packet(const Pepctl__V1__PacketEvent *p)
{
	char proto[16];

	text_format_proto((uint8_t)p->proto, proto);
	printf("%-8s %-7s %s ", p->iface, text_action_kind((enum policy_action_kind)p->action), proto);
	print_end(p->src, p->sport);
	printf(" > ");
	print_end(p->dst, p->dport);
	printf(" length %u", p->length);
	if (p->vlan_present_case)
		printf(" vlan %u", p->vlan);
	if (*p->policy)
		printf(" policy %s", p->policy);
	if (!*p->policy || p->reason != PEPCTL__V1__REASON__REASON_POLICY)
		printf(" (%s)", reason_name(p->reason));
	if (*p->parse_error)
		printf(" %s", p->parse_error);
	putchar('\n');
}

static void print_event(const Pepctl__V1__Event *e)
{
	static const char *const states[] = {"attached", "absent", "failed"};
	char time[40];

	if (e->event_case == PEPCTL__V1__EVENT__EVENT_MARKER)
		return;
	if (e->event_case == PEPCTL__V1__EVENT__EVENT_LOST) {
		printf("-- lost: %llu by this reader, %llu suppressed by event-rate, %llu with the ring full\n",
			(unsigned long long)e->lost->count, (unsigned long long)e->lost->suppressed,
			(unsigned long long)e->lost->ring_full);
		return;
	}
	output_local_time(e->time, time);
	printf("%s ", time);
	if (e->event_case == PEPCTL__V1__EVENT__EVENT_PACKET) {
		print_packet(e->packet);
	} else if (e->event_case == PEPCTL__V1__EVENT__EVENT_INTERFACE) {
		printf("interface %s %s%s%s\n", e->interface->iface,
			e->interface->detached ? "detached" :
						 states[MIN((size_t)e->interface->state, 2u)],
			*e->interface->reason ? ": " : "", e->interface->reason);
	} else if (e->event_case == PEPCTL__V1__EVENT__EVENT_CHANGE) {
		printf("revision %llu by uid %u (%s)\n", (unsigned long long)e->change->revision,
			e->change->uid, e->change->command);
		for (size_t i = 0; i < e->change->n_changes; i++)
			printf("    %s\n", e->change->changes[i]);
	} else {
		printf("an event of a later version\n");
	}
}

/* --- the filter's words */

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

static int read_number(const char *key, const char *word, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno)
		return usage_error("%s: \"%s\" is no number", key, word);
	return EXIT_DONE;
}

/* Room for what the request points to. */
struct filter {
	Pepctl__V1__EventFilter message;
	char *policies[16], *ifaces[16];
	Pepctl__V1__ActionKind actions[POLICY_ACTION_MAX];
	Pepctl__V1__PortRange dport;
};

static int read_dport(struct filter *f, const char *word)
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

static int read_proto(struct filter *f, const char *word)
{
	char message[160];
	uint8_t proto;

	if (text_parse_proto(word, &proto, message) < 0)
		return usage_error("proto: %s", message);
	f->message.proto_present_case = PEPCTL__V1__EVENT_FILTER__PROTO_PRESENT_PROTO;
	f->message.proto = proto;
	return EXIT_DONE;
}

static int read_action(struct filter *f, const char *word)
{
	enum policy_action_kind kind;

	if (text_parse_action_kind(word, &kind) < 0)
		return usage_error("action: \"%s\" is no action", word);
	if (f->message.n_action < ARRAY_SIZE(f->actions))
		f->actions[f->message.n_action++] = (Pepctl__V1__ActionKind)kind;
	return EXIT_DONE;
}

static int read_key(struct filter *f, const char *key, const char *word,
	Pepctl__V1__StreamEventsRequest *request)
{
	if (streq(key, "policy") && f->message.n_policy < ARRAY_SIZE(f->policies)) {
		f->policies[f->message.n_policy++] = (char *)(uintptr_t)word;
		return EXIT_DONE;
	}
	if (streq(key, "iface") && f->message.n_iface < ARRAY_SIZE(f->ifaces)) {
		f->ifaces[f->message.n_iface++] = (char *)(uintptr_t)word;
		return EXIT_DONE;
	}
	if (streq(key, "action"))
		return read_action(f, word);
	if (streq(key, "src"))
		return read_address(key, word, &f->message.src);
	if (streq(key, "dst"))
		return read_address(key, word, &f->message.dst);
	if (streq(key, "dport"))
		return read_dport(f, word);
	if (streq(key, "proto"))
		return read_proto(f, word);
	if (streq(key, "--count"))
		return read_number(key, word, &request->count);
	if (streq(key, "--since")) {
		request->since_present_case = PEPCTL__V1__STREAM_EVENTS_REQUEST__SINCE_PRESENT_SINCE;
		return read_number(key, word, &request->since);
	}
	return usage_error("\"%s\" is no keyword: policy, action, src, dst, dport, proto, iface, "
			   "--count N, --since SEQ", key);
}

static int read_filter(struct words *words, struct filter *f,
	Pepctl__V1__StreamEventsRequest *request)
{
	const char *key, *word;
	int status = EXIT_DONE;

	pepctl__v1__event_filter__init(&f->message);
	f->message.policy = f->policies;
	f->message.iface = f->ifaces;
	f->message.action = f->actions;
	while (!status && (key = words_next(words))) {
		word = words_next(words);
		if (!word)
			return usage_error("%s: its value is missing", key);
		status = read_key(f, key, word, request);
	}
	request->filter = &f->message;
	return status;
}

/* --- following */

/* Writes what is there, then waits: lines of a burst leave together. */
static int follow(struct cli *cli, uint32_t stream, struct error *err)
{
	Pepctl__V1__Event *event;
	int r;

	for (;;) {
		r = call_next(cli->client, METHOD_STREAM_EVENTS, stream, 0, &cli->arena, &event, err);
		if (r == -EAGAIN && !error_is_set(err)) {
			if (fflush(stdout) == EOF)
				return 0;
			r = call_next(cli->client, METHOD_STREAM_EVENTS, stream, CLIENT_FOREVER,
				&cli->arena, &event, err);
		}
		if (r <= 0)
			return r;
		if (cli->json)
			output_json(event_json(event));
		else
			print_event(event);
		arena_reset(&cli->arena);
	}
}

int events_main(struct cli *cli, struct words *words)
{
	Pepctl__V1__StreamEventsRequest request;
	struct error err = ERROR_INIT;
	struct filter filter = {0};
	uint32_t stream;
	int r;

	if (words_take(words, "help")) {
		printf("Usage: pepctl events [policy NAME] [action A] [src ADDR] [dst ADDR] [dport PORT]\n"
		       "                     [proto P] [iface DEV] [--count N] [--since SEQ]\n"
		       "  follows what is blocked and what changes; losses are told in line\n");
		return EXIT_DONE;
	}
	pepctl__v1__stream_events_request__init(&request);
	r = read_filter(words, &filter, &request);
	if (!r)
		r = cli_client(cli);
	if (r)
		return r;
	r = call_start(cli->client, METHOD_STREAM_EVENTS, &request.base, &stream, &err);
	if (!r)
		r = follow(cli, stream, &err);
	fflush(stdout);
	return r < 0 ? cli_fail(&err) : EXIT_DONE;
}
