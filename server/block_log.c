/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/block_log.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"

#define INTERVAL_MS 10000u

void block_log_init(struct block_log *log, uv_loop_t *loop, void (*line)(void *data, const char *text),
	void *data)
{
	*log = (struct block_log){.line = line, .data = data};
	uv_timer_init(loop, &log->timer);
}

void block_log_close(struct block_log *log)
{
	block_log_flush(log);
	uv_close((uv_handle_t *)&log->timer, NULL);
}

static void write_address(const struct pep_event *e, const __be32 *address, char ret[static 64])
{
	if (!e->family || !inet_ntop(e->family == 6 ? AF_INET6 : AF_INET, address, ret, 64))
		snprintf(ret, 64, "?");
}

static void describe(const struct pep_event *e, char *ret, size_t size)
{
	char src[64], dst[64], proto[16];

	write_address(e, e->src, src);
	write_address(e, e->dst, dst);
	text_format_proto(e->proto, proto);
	snprintf(ret, size, "%s %s:%u > %s:%u, policy %s", proto, src, ntohs(e->sport), dst,
		ntohs(e->dport), e->policy[0] ? e->policy : "(none)");
}

void block_log_flush(struct block_log *log)
{
	char text[1024], last[320];
	size_t at = 0;

	if (!log->total)
		return;
	for (size_t i = 0; i < log->name_count && at < sizeof(text) - 100; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %" PRIu64, i ? ", " : "",
			log->names[i].policy[0] ? log->names[i].policy : "(no policy)",
			log->names[i].count);
	describe(&log->last, last, sizeof(last));
	{
		char line[1400];

		snprintf(line, sizeof(line), "blocked %" PRIu64 " reported packets (%s); last %s",
			log->total, text, last);
		log->line(log->data, line);
	}
	log->total = log->name_count = 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct block_log *log = (struct block_log *)timer->data;

	if (!log->total) {
		uv_timer_stop(timer);
		return;
	}
	block_log_flush(log);
}

static bool is_block(const struct pep_event *e)
{
	if (e->reason == PEP_REASON_SHADOW) /* it would have */
		return false;
	return e->action == PEP_ACTION_BLOCK || e->action == PEP_ACTION_REJECT ||
	       e->reason == PEP_REASON_RATE || e->reason == PEP_REASON_FAILED;
}

void block_log_add(struct block_log *log, const struct pep_event *event)
{
	size_t i = 0;

	if (!is_block(event))
		return;
	while (i < log->name_count && strcmp(log->names[i].policy, event->policy) != 0)
		i++;
	if (i == log->name_count && i < BLOCK_LOG_NAMES) {
		memcpy(log->names[i].policy, event->policy, sizeof(event->policy));
		log->names[i].count = 0;
		log->name_count++;
	}
	if (i < BLOCK_LOG_NAMES)
		log->names[i].count++;
	log->total++;
	log->last = *event;
	if (uv_is_active((uv_handle_t *)&log->timer))
		return;
	log->timer.data = log;
	block_log_flush(log);
	uv_timer_start(&log->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
}
