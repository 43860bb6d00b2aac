/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>

#include "server/metrics.h"

/* Names of interfaces are whatever the kernel takes, quotes and backslashes too. */
static void put_label(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
}

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP pepctl_%s %s\n# TYPE pepctl_%s %s\n", name, help, name, type);
}

static void put_one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	put_head(out, name, type, help);
	fprintf(out, "pepctl_%s %" PRIu64 "\n", name, value);
}

/* --- of each interface: rows of one metric, told apart by a label */

struct part {
	const char *value; /* of the label */
	size_t offset;     /* of a uint64_t in Pepctl__V1__Counters */
};
#define PART(name, field) {name, offsetof(Pepctl__V1__Counters, field)}

static const struct part verdicts[] = {
	PART("allowed", packets_allowed), PART("blocked", packets_blocked),
	PART("reflected", packets_reflected), PART("redirected", packets_redirected), {NULL, 0}};
static const struct part bytes[] = {PART("allowed", bytes_allowed), PART("blocked", bytes_blocked), {NULL, 0}};
static const struct part reasons[] = {
	PART("policy", blocked_by_policy), PART("default", blocked_by_default), PART("rate", blocked_by_rate),
	PART("reject", blocked_by_reject), PART("malformed", blocked_malformed),
	PART("fragment", blocked_fragments), PART("headers", blocked_headers), PART("failed", blocked_failed),
	{NULL, 0}};

static const struct family {
	const char *name, *label, *help;
	const struct part *parts;
} families[] = {
	{"packets_total", "verdict", "Packets received, by what became of them.", verdicts},
	{"bytes_total", "verdict", "Bytes of packets allowed and blocked.", bytes},
	{"blocked_packets_total", "reason", "Packets blocked, by why.", reasons},
};

static void put_row(FILE *out, const char *name, const char *iface, const char *label, const char *value,
	uint64_t count)
{
	fprintf(out, "pepctl_%s{interface=\"", name);
	put_label(out, iface);
	fprintf(out, "\",%s=\"%s\"} %" PRIu64 "\n", label, value, count);
}

static void put_family(FILE *out, const struct family *f, const Pepctl__V1__Stats *stats)
{
	put_head(out, f->name, "counter", f->help);
	for (size_t i = 0; i < stats->n_interfaces; i++) {
		const Pepctl__V1__InterfaceCounters *each = stats->interfaces[i];

		for (const struct part *p = f->parts; p->value; p++) {
			uint64_t count;

			memcpy(&count, (const char *)each->counters + p->offset, sizeof(count));
			put_row(out, f->name, each->name, f->label, p->value, count);
		}
	}
}

static void put_parse_errors(FILE *out, const Pepctl__V1__Stats *stats)
{
	put_head(out, "parse_errors_total", "counter", "Packets that were not understood, by why.");
	for (size_t i = 0; i < stats->n_interfaces; i++) {
		const Pepctl__V1__Counters *c = stats->interfaces[i]->counters;

		for (size_t at = 0; at < c->n_parse_errors_by_reason; at++)
			put_row(out, "parse_errors_total", stats->interfaces[i]->name, "reason",
				c->parse_errors_by_reason[at]->reason, c->parse_errors_by_reason[at]->count);
	}
}

/* --- of the daemon */

static void put_events(FILE *out, const Pepctl__V1__EventCounters *e)
{
	put_head(out, "events_total", "counter",
		"Reportable decisions since the daemon's start, by what became of their events.");
	fprintf(out, "pepctl_events_total{result=\"received\"} %" PRIu64 "\n", e->received);
	fprintf(out, "pepctl_events_total{result=\"suppressed\"} %" PRIu64 "\n", e->suppressed);
	fprintf(out, "pepctl_events_total{result=\"ring_full\"} %" PRIu64 "\n", e->ring_full);
	put_one(out, "event_subscriptions", "gauge", "Readers of events now.", e->subscriptions);
}

static void put_ruleset(FILE *out, const struct service *s)
{
	struct datapath_info info;

	datapath_info(s->datapath, &info);
	put_one(out, "revision", "gauge", "Of the ruleset.", store_revision(s->store));
	put_one(out, "policies", "gauge", "In the ruleset.", store_policy_count(s->store));
	put_one(out, "set_members", "gauge", "Of all sets together, leases too.", service_members(s));
	put_one(out, "kernel_table_bytes", "gauge", "What the kernel's tables take.", info.memory);
	put_one(out, "state_write_failed", "gauge", "1 when the last write to the state folder failed.",
		*s->state_write_error != 0);
}

char *metrics_text(struct service *s, size_t *ret_size)
{
	const Pepctl__V1__Stats *stats;
	struct arena arena;
	char *text = NULL;
	FILE *out;

	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	stats = service_stats(s, &arena);
	out = stats ? open_memstream(&text, ret_size) : NULL;
	if (out) {
		put_head(out, "build_info", "gauge", "1, with the version.");
		fprintf(out, "pepctl_build_info{version=\"%s\"} 1\n", PEP_VERSION);
		for (size_t i = 0; i < ARRAY_SIZE(families); i++)
			put_family(out, &families[i], stats);
		put_parse_errors(out, stats);
		put_events(out, stats->events);
		put_ruleset(out, s);
		if (fclose(out) == EOF)
			free(TAKE_PTR(text));
	}
	arena_deinit(&arena);
	return text;
}
