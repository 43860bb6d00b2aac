/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "client/cli/events_pcapng.h"

/* --- JSON */

static bool has_icmp_type(const Pepctl__V1__PacketEvent *p)
{
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

static json_t *hex_json(const ProtobufCBinaryData *bytes)
{
	_cleanup_free_ char *hex = calloc(bytes->len + 1, 2);

	for (size_t i = 0; hex && i < bytes->len; i++)
		sprintf(hex + 2 * i, "%02x", bytes->data[i]);
	return json_string(hex);
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
		text_action_kind((enum policy_action_kind)p->action), "reason", text_reason(p->reason),
		"policy", p->policy, "revision", (json_int_t)p->revision);
	if (p->vlan_present_case)
		json_object_set_new(object, "vlan", json_integer(p->vlan));
	if (has_icmp_type(p))
		json_object_set_new(object, "icmp_type", json_sprintf("%u/%u", p->icmp_type, p->icmp_code));
	if (*p->parse_error)
		json_object_set_new(object, "parse_error", json_string(p->parse_error));
	if (p->captured.len)
		json_object_set_new(object, "captured", hex_json(&p->captured));
	json_object_set_new(object, "cpu", json_integer(p->cpu));
	json_object_set_new(object, "cpu_number", json_integer((json_int_t)p->cpu_number));
	return object;
}

static json_t *lines_json(char *const *lines, size_t count)
{
	json_t *all = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(all, json_string(lines[i]));
	return all;
}

static json_t *change_json(const Pepctl__V1__Event *event)
{
	const Pepctl__V1__ChangeEvent *c = event->change;
	json_t *lines = lines_json(c->changes, c->n_changes);

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
	case PEPCTL__V1__EVENT__EVENT_EXPIRY:
		return json_pack("{s:I, s:o, s:s, s:o, s:I}", "seq", (json_int_t)e->seq, "time",
			output_time(e->time), "type", "expiry", "leases", lines_json(e->expiry->leases,
			e->expiry->n_leases), "total", (json_int_t)e->expiry->total);
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
	if (has_icmp_type(p))
		printf(" type %u/%u", p->icmp_type, p->icmp_code);
	printf(" length %u", p->length);
	if (p->vlan_present_case)
		printf(" vlan %u", p->vlan);
	if (*p->policy)
		printf(" policy %s", p->policy);
	if (!*p->policy || p->reason != PEPCTL__V1__REASON__REASON_POLICY)
		printf(" (%s)", text_reason(p->reason));
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
	} else if (e->event_case == PEPCTL__V1__EVENT__EVENT_EXPIRY) {
		printf("%llu leases ended\n", (unsigned long long)e->expiry->total);
		for (size_t i = 0; i < e->expiry->n_leases; i++)
			printf("    %s\n", e->expiry->leases[i]);
	} else {
		printf("an event of a later version\n");
	}
}

/* --- following */

static void put_event(struct cli *cli, struct events_pcapng *pcapng, const Pepctl__V1__Event *event)
{
	if (pcapng)
		events_pcapng(pcapng, event);
	else if (cli->json)
		output_json(event_json(event));
	else
		print_event(event);
}

/* Writes what is there, then waits: what comes in a burst leaves together. */
static int follow(struct cli *cli, struct events_pcapng *pcapng, uint32_t stream, struct error *err)
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
		put_event(cli, pcapng, event);
		arena_reset(&cli->arena);
	}
}

/* A policy may still come, so that its name is unknown now is no error. */
static int warn_of_policies(struct cli *cli, const Pepctl__V1__EventFilter *filter)
{
	for (size_t i = 0; i < filter->n_policy; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		Pepctl__V1__GetPolicyRequest request;
		Pepctl__V1__PolicyResponse *answer;

		pepctl__v1__get_policy_request__init(&request);
		request.name = filter->policy[i];
		if (!call_unary(cli->client, METHOD_GET_POLICY, &request.base, &cli->arena, &answer, &err))
			continue;
		if (err.kind != ERROR_NOT_FOUND)
			return cli_fail(&err);
		fprintf(stderr, "pepctl: warning: there is no policy %s now\n", filter->policy[i]);
	}
	return EXIT_DONE;
}

/* Without them a file of packets holds no packets. */
static int warn_of_capture(struct cli *cli)
{
	Pepctl__V1__GetServerInfoResponse *info;
	const char *name = setting_info(SETTING_CAPTURE)->name;
	int status = info_get(cli, &info);

	for (size_t i = 0; !status && i < info->n_settings; i++)
		if (streq(info->settings[i]->name, name) && streq(info->settings[i]->value, "0"))
			fprintf(stderr, "pepctl: warning: events carry no bytes of their packets; for up to "
				"%llu of each: pepctl setting set %s %llu\n",
				(unsigned long long)setting_info(SETTING_CAPTURE)->maximum, name,
				(unsigned long long)setting_info(SETTING_CAPTURE)->maximum);
	return status;
}

static int open_pcapng(struct cli *cli, const char *path)
{
	int status = warn_of_capture(cli);

	if (status || streq(path, "-") || freopen(path, "we", stdout))
		return status;
	fprintf(stderr, "pepctl: %s cannot be written: %s\n", path, strerror(errno));
	return EXIT_REFUSED;
}

static int stream(struct cli *cli, const struct events_filter *filter)
{
	struct error err = ERROR_INIT;
	struct events_pcapng pcapng = {0};
	uint32_t id;
	int r;

	r = call_start(cli->client, METHOD_STREAM_EVENTS, &filter->request->base, &id, &err);
	if (!r && filter->pcapng)
		pcapng_begin(&pcapng.file, stdout, "pepctl " PEP_VERSION);
	if (!r)
		r = follow(cli, filter->pcapng ? &pcapng : NULL, id, &err);
	pcapng_end(&pcapng.file);
	fflush(stdout);
	return r < 0 ? cli_fail(&err) : EXIT_DONE;
}

int events_main(struct cli *cli, struct words *words)
{
	Pepctl__V1__StreamEventsRequest request;
	struct events_filter filter;
	int r;

	if (words_at_help(words)) {
		events_help();
		return EXIT_DONE;
	}
	pepctl__v1__stream_events_request__init(&request);
	r = events_filter(words, &filter, &request);
	if (!r && filter.pcapng)
		r = events_pcapng_words(cli, &filter);
	if (!r)
		r = cli_client(cli);
	if (!r)
		r = warn_of_policies(cli, &filter.message);
	if (!r && filter.pcapng)
		r = open_pcapng(cli, filter.pcapng);
	return r ? r : stream(cli, &filter);
}
