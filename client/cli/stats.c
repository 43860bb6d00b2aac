/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "client/cli/cli.h"

#define SAMPLE_NS 250000000l /* between the two looks that a rate needs */

/* --- JSON: the proto's names */

static json_t *counters_json(const Pepctl__V1__Counters *c)
{
	json_t *reasons = json_object();
	json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"packets_total", (json_int_t)c->packets_total, "packets_allowed",
		(json_int_t)c->packets_allowed, "packets_blocked", (json_int_t)c->packets_blocked,
		"packets_reflected", (json_int_t)c->packets_reflected, "packets_redirected",
		(json_int_t)c->packets_redirected, "bytes_total", (json_int_t)c->bytes_total,
		"bytes_allowed", (json_int_t)c->bytes_allowed, "bytes_blocked",
		(json_int_t)c->bytes_blocked, "policy_lookups", (json_int_t)c->policy_lookups,
		"parse_errors", (json_int_t)c->parse_errors);
	const struct {
		const char *name;
		uint64_t value;
	} rest[] = {
		{"blocked_by_policy", c->blocked_by_policy}, {"blocked_by_default", c->blocked_by_default},
		{"blocked_by_rate", c->blocked_by_rate}, {"blocked_by_reject", c->blocked_by_reject},
		{"blocked_malformed", c->blocked_malformed}, {"blocked_fragments", c->blocked_fragments},
		{"blocked_headers", c->blocked_headers}, {"blocked_failed", c->blocked_failed},
		{"non_ip", c->non_ip},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
		json_object_set_new(object, rest[i].name, json_integer((json_int_t)rest[i].value));
	for (size_t i = 0; i < c->n_parse_errors_by_reason; i++)
		json_object_set_new(reasons, c->parse_errors_by_reason[i]->reason,
			json_integer((json_int_t)c->parse_errors_by_reason[i]->count));
	json_object_set_new(object, "parse_errors_by_reason", reasons);
	return object;
}

static json_t *stats_json(const Pepctl__V1__Stats *m)
{
	json_t *object = counters_json(m->counters), *ifaces = json_array();

	json_object_set_new(object, "time", output_time(m->time));
	json_object_set_new(object, "revision", json_integer((json_int_t)m->revision));
	json_object_set_new(object, "block_rate", json_real(m->block_rate));
	json_object_set_new(object, "packet_rate", json_real(m->packet_rate));
	json_object_set_new(object, "events",
		json_pack("{s:I, s:I, s:I, s:I, s:I}", "numbered", (json_int_t)m->events->numbered,
			"received", (json_int_t)m->events->received, "suppressed",
			(json_int_t)m->events->suppressed, "ring_full", (json_int_t)m->events->ring_full,
			"subscriptions", (json_int_t)m->events->subscriptions));
	for (size_t i = 0; i < m->n_interfaces; i++) {
		json_t *each = counters_json(m->interfaces[i]->counters);

		json_object_set_new(each, "name", json_string(m->interfaces[i]->name));
		json_array_append_new(ifaces, each);
	}
	json_object_set_new(object, "interfaces", ifaces);
	return object;
}

/* --- text */

static void print_counters(const char *name, const Pepctl__V1__Counters *c)
{
	char total[24], allowed[24], blocked[24], sent[24], bytes[24];

	output_amount((double)c->packets_total, total);
	output_amount((double)c->packets_allowed, allowed);
	output_amount((double)c->packets_blocked, blocked);
	output_amount((double)(c->packets_reflected + c->packets_redirected), sent);
	output_amount((double)c->bytes_total, bytes);
	printf("%-16s %12s %12s %12s %12s %12s\n", name, total, allowed, blocked, sent, bytes);
}

static void print_reasons(const Pepctl__V1__Counters *c)
{
	const struct {
		const char *what;
		uint64_t count;
	} blocked[] = {
		{"by policy", c->blocked_by_policy}, {"by default", c->blocked_by_default},
		{"above the rate", c->blocked_by_rate}, {"rejected", c->blocked_by_reject},
		{"malformed", c->blocked_malformed}, {"fragments", c->blocked_fragments},
		{"too many headers", c->blocked_headers}, {"target gone or no room", c->blocked_failed},
	};
	const char *comma = "";

	printf("blocked: ");
	for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
		if (blocked[i].count) {
			printf("%s%llu %s", comma, (unsigned long long)blocked[i].count, blocked[i].what);
			comma = ", ";
		}
	printf("%s\n", *comma ? "" : "nothing");
	printf("policy look-ups %llu, parse errors %llu", (unsigned long long)c->policy_lookups,
		(unsigned long long)c->parse_errors);
	for (size_t i = 0; i < c->n_parse_errors_by_reason; i++)
		if (c->parse_errors_by_reason[i]->count)
			printf(" %s %llu", c->parse_errors_by_reason[i]->reason,
				(unsigned long long)c->parse_errors_by_reason[i]->count);
	putchar('\n');
}

static void print_stats(const Pepctl__V1__Stats *m)
{
	printf("%-16s %12s %12s %12s %12s %12s\n", "", "packets", "allowed", "blocked", "sent on",
		"bytes");
	for (size_t i = 0; i < m->n_interfaces; i++)
		print_counters(m->interfaces[i]->name, m->interfaces[i]->counters);
	print_counters("all", m->counters);
	print_reasons(m->counters);
	printf("events %llu: %llu received, %llu suppressed, %llu ring full; %llu subscriber%s\n",
		(unsigned long long)m->events->numbered, (unsigned long long)m->events->received,
		(unsigned long long)m->events->suppressed, (unsigned long long)m->events->ring_full,
		(unsigned long long)m->events->subscriptions,
		m->events->subscriptions == 1 ? "" : "s");
	printf("block rate %.1f/s of %.1f packets/s\n", m->block_rate, m->packet_rate);
}

static int add_policy(void *data, const Pepctl__V1__PolicyStatus *status)
{
	return json_array_append_new(data, output_policy(status));
}

/* --- once, or until stopped */

/* The rate of a command is over the moment in which it runs, not since somebody else looked. */
static int look_twice(struct cli *cli, Pepctl__V1__Stats **ret)
{
	const struct timespec moment = {.tv_nsec = SAMPLE_NS};
	Pepctl__V1__GetStatsRequest request;
	int status;

	pepctl__v1__get_stats_request__init(&request);
	status = cli_call(cli, METHOD_GET_STATS, &request.base, ret);
	if (status)
		return status;
	nanosleep(&moment, NULL);
	return cli_call(cli, METHOD_GET_STATS, &request.base, ret);
}

static int show_once(struct cli *cli)
{
	Pepctl__V1__Stats *m;
	json_t *object, *policies;
	int status = look_twice(cli, &m);

	if (status)
		return status;
	if (!cli->json) {
		print_stats(m);
		return EXIT_DONE;
	}
	object = stats_json(m);
	policies = json_array();
	json_object_set_new(object, "policies", policies);
	status = policy_each(cli, "", add_policy, policies, NULL);
	if (status)
		json_decref(object);
	else
		output_json(object);
	return status;
}

static int watch(struct cli *cli)
{
	Pepctl__V1__WatchStatsRequest request;
	struct error err = ERROR_INIT;
	Pepctl__V1__Stats *m;
	uint32_t stream;
	int r;

	pepctl__v1__watch_stats_request__init(&request);
	r = cli_client(cli);
	if (r)
		return r;
	r = call_start(cli->client, METHOD_WATCH_STATS, &request.base, &stream, &err);
	while (!r && (r = call_next(cli->client, METHOD_WATCH_STATS, stream, CLIENT_FOREVER, &cli->arena,
			      &m, &err)) > 0) {
		if (cli->json) {
			output_json(stats_json(m));
		} else {
			if (isatty(STDOUT_FILENO))
				printf("\033[H\033[2J");
			print_stats(m);
		}
		if (fflush(stdout) == EOF)
			return EXIT_DONE;
		arena_reset(&cli->arena);
		r = 0;
	}
	return r ? cli_fail(&err) : EXIT_DONE;
}

int stats_main(struct cli *cli, struct words *words)
{
	bool again = words_take(words, "--watch") || words_take(words, "watch");
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl stats [--watch]\n  counters, and the block rate\n");
		return EXIT_DONE;
	}
	status = words_end(words);
	if (status)
		return status;
	return again ? watch(cli) : show_once(cli);
}
