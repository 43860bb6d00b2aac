/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "oracle_world.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "common/text.h"

void oracle_add(struct oracle_world *w, const char *line)
{
	_cleanup_free_ char *copy = strdup(line);
	struct text_problems problems = {0};
	struct policy *policy = &w->policies[w->rules.count++];
	const char *words[32];
	size_t count = 0;
	char *rest;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	assert_int_equal(text_parse_policy(words, count, policy, &problems), 0);
	assert_int_equal(policy_validate(policy, "", NULL), 0);
	w->rules.policies = w->policies;
}

void oracle_put_address(const char *text, uint8_t bytes[16])
{
	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes), 1);
}

void oracle_add_member(struct oracle_world *w, size_t set, const char *text)
{
	char message[160];
	struct oracle_set *s = &w->sets[set];

	s->members = realloc(s->members, (s->count + 1) * sizeof(*s->members));
	assert_non_null(s->members);
	assert_int_equal(text_parse_address(text, &s->members[s->count++], message), 0);
}

void oracle_receive(struct oracle_world *w, const char *src, const char *dst, uint8_t proto, uint16_t sport,
	uint16_t dport)
{
	w->packet = (struct oracle_packet){.family = strchr(src, ':') ? 6 : 4,
		.proto = proto,
		.has_ports = proto_has_ports(proto),
		.sport = sport,
		.dport = dport,
		.iface = "eth0"};
	oracle_put_address(src, w->packet.src);
	oracle_put_address(dst, w->packet.dst);
}

struct oracle_ruling oracle_judge(const struct oracle_world *w)
{
	_cleanup_(oracle_freep) struct oracle *oracle = NULL;

	assert_int_equal(oracle_new(&w->rules, &oracle), 0);
	return oracle_decide(oracle, &w->packet);
}

const char *oracle_decider(const struct oracle_world *w)
{
	static const char *const reasons[] = {[ORACLE_BY_NON_IP] = "non-ip",
		[ORACLE_BY_MALFORMED] = "malformed",
		[ORACLE_BY_FRAGMENTS] = "fragments",
		[ORACLE_BY_HEADERS] = "headers"};
	struct oracle_ruling ruling = oracle_judge(w);

	if (ruling.reason == ORACLE_BY_POLICY) {
		assert_false(ruling.pass);
		return w->policies[ruling.policy].name;
	}
	assert_true(ruling.policy == ORACLE_NONE);
	if (ruling.reason == ORACLE_BY_DEFAULT)
		return ruling.pass ? "allow" : "block";
	return reasons[ruling.reason];
}

const char *oracle_shadow(const struct oracle_world *w)
{
	struct oracle_ruling ruling = oracle_judge(w);

	return ruling.shadow == ORACLE_NONE ? "none" : w->policies[ruling.shadow].name;
}

int oracle_setup(void **state)
{
	struct oracle_world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	strcpy(w->sets[0].name, "bad");
	strcpy(w->sets[1].name, "good");
	w->rules.sets = w->sets;
	w->rules.set_count = ORACLE_SETS;
	*state = w;
	return 0;
}

int oracle_teardown(void **state)
{
	struct oracle_world *w = *state;

	for (size_t i = 0; i < ORACLE_POLICIES; i++)
		policy_deinit(&w->policies[i]);
	for (size_t i = 0; i < ORACLE_SETS; i++)
		free(w->sets[i].members);
	free(w);
	return 0;
}
