/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * No packet is judged by a mixture of two rulesets, seen from outside: flows for
 * which every mixture (nothing of either, a part of one, members of the one with
 * policies of the other) comes to a verdict that neither ruleset gives.
 *
 * test_churn [SCALE], or `test_churn caught`: the program has a fault, and only
 * its being found is a success.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include "churn_change.h"
#include "frame.h"

#define COMMITS_LEAST 10000u
#define PACKETS_LEAST 10000000u
#define CATCHING      10u /* times as many commits before a fault has escaped */

#define P XDP_PASS
#define D XDP_DROP
#define T XDP_TX

/* What decides when nothing else does, and only then. */
#define BASE " reflect priority 4000000000"

static const struct churn_ruleset nothing = {.verdict = {P, P, P, P}};

static const struct scenario {
	const char *name;
	struct churn_ruleset rulesets[2];
	unsigned int commits;
	unsigned int fill; /* members that come with each commit, and after seven go all at once */
} scenarios[] = {
	{"sets replaced together with the policies that use them",
		{{.policies = {"base" BASE, "p allow src @a", "q block src @b"},
			 .members = {{"a", FRAME_GOOD4}, {"b", "198.51.100.0/25"},
				 {"a", "2001:db8::/60"}, {"b", FRAME_BAD6}},
			 .verdict = {P, D, P, D}},
			{.policies = {"base" BASE, "p allow src @c", "q block src @d"},
				.members = {{"d", FRAME_GOOD4}, {"c", "198.51.100.64/26"},
					{"d", "2001:db8::/61"}, {"c", FRAME_BAD6}},
				.verdict = {D, P, D, P}}},
		1500, 0},
	{"the default action together with policies",
		{{.policies = {"x block src " FRAME_GOOD4, "x6 block src " FRAME_GOOD6},
			 .verdict = {D, P, D, P}},
			{.policies = {"y allow src " FRAME_BAD4, "y6 allow src " FRAME_BAD6},
				.block = true,
				.verdict = {D, P, D, P}}},
		1500, 0},
	{"policies swapped in pairs, of other tuples and ranks",
		{{.policies = {"base" BASE, "a1 allow src " FRAME_GOOD4 " priority 10",
			  "a2 block src " FRAME_BAD4 " priority 11", "a3 block src " FRAME_GOOD6,
			  "a4 allow src " FRAME_BAD6},
			 .verdict = {P, D, D, P}},
			{.policies = {"base" BASE, "b1 block dport 80 src 192.0.2.0/24 priority 12",
				 "b2 allow dport 79-81 src 198.51.0.0/16 priority 9",
				 "b3 allow src 2001:db8::/64 proto udp dport 53",
				 "b4 block src 2001:db8:bad::/48 dport 1-60"},
				.verdict = {D, P, P, D}}},
		1500, 0},
	{"policies changed where they stand",
		{{.policies = {"base" BASE, "p allow src " FRAME_GOOD4, "q block src " FRAME_BAD4,
			  "p6 block src " FRAME_GOOD6, "q6 allow src " FRAME_BAD6},
			 .verdict = {P, D, D, P}},
			{.policies = {"base" BASE, "p block src " FRAME_GOOD4,
				 "q allow src " FRAME_BAD4, "p6 allow src " FRAME_GOOD6,
				 "q6 block src " FRAME_BAD6},
				.verdict = {D, P, P, D}}},
		2500, 0},
	{"whole rulesets replaced",
		{{.policies = {"a" BASE, "a-x allow src " FRAME_GOOD4 " dport 80 proto tcp",
			  "a-y block src 198.51.100.0/25"},
			 .more_policies = 120,
			 .letter = 'a',
			 .verdict = {P, D, T, T}},
			{.policies = {"b" BASE, "b-x block src 192.0.2.0/28 dport 80",
				 "b-y allow dst " FRAME_DST4 " src " FRAME_BAD4},
				.more_policies = 90,
				.letter = 'b',
				.verdict = {D, P, T, T}}},
		1000, 0},
	{"members swapped between two sets",
		{{.policies = {"base" BASE, "pa allow src @a", "pb block src @b"},
			 .members = {{"a", FRAME_GOOD4}, {"b", FRAME_BAD4}, {"b", "2001:db8::/64"},
				 {"a", FRAME_BAD6}},
			 .verdict = {P, D, D, P}},
			{.policies = {"base" BASE, "pa allow src @a", "pb block src @b"},
				.members = {{"b", FRAME_GOOD4}, {"a", FRAME_BAD4},
					{"a", "2001:db8::/64"}, {"b", FRAME_BAD6}},
				.verdict = {D, P, P, D}}},
		2500, 0},
	{"tables of members grow, shrink and cannot grow",
		{{.policies = {"base" BASE, "pa allow src @a", "pb block src @b"},
			 .members = {{"a", FRAME_GOOD4}, {"b", FRAME_BAD4}, {"b", FRAME_GOOD6},
				 {"a", FRAME_BAD6}},
			 .verdict = {P, D, D, P}},
			{.policies = {"base" BASE, "pa allow src @a", "pb block src @b"},
				.members = {{"b", FRAME_GOOD4}, {"a", FRAME_BAD4},
					{"a", FRAME_GOOD6}, {"b", FRAME_BAD6}},
				.verdict = {D, P, P, D}}},
		160, 9000},
	{"features that are used for the first time, and then no more",
		{{.policies = {"base" BASE, "x allow src " FRAME_GOOD4 " dport 80"},
			 .verdict = {P, T, T, T}},
			{.policies = {"base" BASE, "s block src @new",
				 "r allow dport 53 dst " FRAME_DST6
				 " src 2001:db8:bad::/48 priority 1"},
				.members = {{"new", "192.0.2.0/24"}, {"new", "192.0.0.0/13"},
					{"new", "198.51.0.0/16"}, {"new", "198.0.0.0/9"},
					{"new", "128.0.0.0/2"}, {"new", "2001:db8::/32"},
					{"new", FRAME_BAD6}},
				.verdict = {D, D, D, P}}},
		1000, 0},
};

static void make_change(const struct churn_ruleset *from, const struct churn_ruleset *to,
	size_t fill_from, size_t fill_to, unsigned int abort_first)
{
	struct churn_change change;

	churn_change_make(&change, from, to, fill_from, fill_to);
	if (abort_first)
		churn_abort(&change.step, abort_first - 1);
	churn_commit(&change.step);
	churn_change_free(&change);
}

/* Both rulesets have judged packets of each flow, or nothing has been shown. */
static bool was_seen(const struct scenario *s, const struct churn *before)
{
	struct churn now = churn_now();

	for (size_t i = 0; i < 2 * CHURN_FLOWS; i++) {
		size_t flow = i / 2;
		int verdict = s->rulesets[i % 2].verdict[flow];

		if (now.seen[flow][verdict] == before->seen[flow][verdict]) {
			fprintf(stderr, "flow %zu never came to %d\n", flow, verdict);
			return false;
		}
	}
	return true;
}

/* False = there is nothing more to find out. */
static bool run(const struct scenario *s, unsigned int scale)
{
	const struct churn_ruleset *sides = s->rulesets;
	struct churn before = churn_now();
	size_t fill = 0;
	unsigned int i;
	bool seen;

	make_change(&nothing, &sides[0], 0, 0, 0);
	for (i = 0; i < s->commits * scale && !churn_now().mixtures; i++) {
		size_t next = s->fill * (i % 8);

		make_change(&sides[i % 2], &sides[(i + 1) % 2], fill, next,
			i % 3 ? 0 : 1 + (s->fill ? i / 3 % 7 : 0));
		fill = next;
	}
	churn_wait();
	seen = was_seen(s, &before);
	make_change(&sides[i % 2], &nothing, fill, 0, 0);
	printf("%s: %llu packets, %llu commits, %llu aborted, %llu mixtures\n", s->name,
		(unsigned long long)(churn_now().packets - before.packets),
		(unsigned long long)(churn_now().commits - before.commits),
		(unsigned long long)(churn_now().aborts - before.aborts),
		(unsigned long long)(churn_now().mixtures - before.mixtures));
	fflush(stdout);
	return seen && !churn_now().mixtures;
}

int main(int argc, char *argv[])
{
	unsigned int scale = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1;
	bool sound = true, catching = argc > 1 && strcmp(argv[1], "caught") == 0;
	struct churn all;

	churn_begin();
	for (size_t i = 0; i < ARRAY_SIZE(scenarios) && sound; i++)
		sound = run(&scenarios[i], catching ? CATCHING : MAX(scale, 1u));
	all = churn_end();
	printf("%llu packets, %llu commits, %llu aborted, %llu mixtures\n",
		(unsigned long long)all.packets, (unsigned long long)all.commits,
		(unsigned long long)all.aborts, (unsigned long long)all.mixtures);
	if (catching)
		return all.mixtures ? EXIT_SUCCESS : EXIT_FAILURE;
	return sound && all.commits >= COMMITS_LEAST && all.packets >= PACKETS_LEAST ? EXIT_SUCCESS
										     : EXIT_FAILURE;
}
