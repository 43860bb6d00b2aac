/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>

#include "client/explain.h"
#include "client/library.h"
#include "common/text.h"

#define WORDS_MAX 32u

/* Cuts `text` at its blanks. */
static int cut(char *text, const char *ret[static WORDS_MAX], size_t *ret_count, struct error *err)
{
	char *rest = NULL;

	*ret_count = 0;
	for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (*ret_count == WORDS_MAX)
			return error_violation(err, "packet", "more than %u words", WORDS_MAX);
		ret[(*ret_count)++] = word;
	}
	return 0;
}

static int read_packet(pepctl_client *client, const char *packet,
	Pepctl__V1__ExplainPacketRequest *ret, struct error *err)
{
	char *text = arena_strdup(&client->arena, packet);
	const char *words[WORDS_MAX];
	size_t count;

	if (!text)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (cut(text, words, &count, err))
		return -EINVAL;
	return explain_read(words, count, &client->arena, ret, err);
}

static void tell(const Pepctl__V1__ExplainPacketResponse *m,
	void (*verdict)(void *data, const struct pepctl_explanation *explanation),
	int (*each)(void *data, const struct pepctl_considered *considered), void *data)
{
	const struct pepctl_explanation explanation = {
		.verdict = text_action_kind((enum policy_action_kind)m->verdict),
		.reason = text_reason(m->reason),
		.policy = m->policy,
		.shadow = m->shadow,
		.limited = m->limiter != NULL,
		.passes = m->limiter && m->limiter->passes,
		.available = m->limiter ? m->limiter->available : 0,
		.burst = m->limiter ? m->limiter->burst : 0,
		.considered = m->considered_total,
		.revision = m->revision,
	};
	int r = 0;

	verdict(data, &explanation);
	for (size_t i = 0; each && !r && i < m->n_considered; i++)
		r = each(data, &(struct pepctl_considered){.policy = m->considered[i]->policy,
				       .matched = m->considered[i]->matched,
				       .why = m->considered[i]->why});
}

int pepctl_packet_explain(pepctl_client *client, const char *packet,
	void (*verdict)(void *data, const struct pepctl_explanation *explanation),
	int (*each)(void *data, const struct pepctl_considered *considered), void *data,
	struct pepctl_error *error)
{
	Pepctl__V1__ExplainPacketRequest request;
	Pepctl__V1__ExplainPacketResponse *answer;
	struct error err = ERROR_INIT;

	arena_reset(&client->arena);
	if (read_packet(client, packet, &request, &err) ||
		call_unary(client->connection, METHOD_EXPLAIN_PACKET, &request.base, &client->arena,
			&answer, &err))
		return library_fail(&err, error);
	tell(answer, verdict, each, data);
	return PEPCTL_OK;
}
