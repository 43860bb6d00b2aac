/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* An action with its own words: rate-limit RATE [burst SIZE] [per SCOPE], redirect DEV... */
#include <errno.h>
#include <inttypes.h>

#include "common/text_internal.h"

static bool next_is(const struct text_words *w, const char *word)
{
	return w->at < w->count && streq(w->words[w->at], word);
}

static int read_rate(struct text_words *w, struct policy_action *a)
{
	static const char *const suffixes[] = {"bit", "bit/s", "bps", "B/s", "pps"};
	static const enum policy_rate_unit units[] = {
		POLICY_BITS, POLICY_BITS, POLICY_BITS, POLICY_BYTES, POLICY_PACKETS};
	const char *word = text_next(w, "the rate");
	size_t suffix;

	if (!word)
		return -EINVAL;
	if (!text_amount(word, suffixes, ARRAY_SIZE(suffixes), &suffix, &a->rate) || !a->rate ||
		a->rate > POLICY_RATE_MAX)
		return text_problem_add(w, w->at - 1,
			"\"%s\" is no rate: a number with k, M, G, Ki, Mi or Gi and bit, B/s or pps, as "
			"10mbit, 1.5MB/s or 500pps, from 1 to 10^12",
			word);
	a->rate_unit = units[suffix];
	return 0;
}

static int read_burst(struct text_words *w, struct policy_action *a)
{
	static const char *const bytes[] = {"", "B"}, *const packets[] = {"", "p"};
	const char *word = text_next(w, "the burst");
	size_t suffix;

	if (!word)
		return -EINVAL;
	if (text_amount(word, a->rate_unit == POLICY_PACKETS ? packets : bytes, 2, &suffix, &a->burst) &&
		a->burst)
		return 0;
	return text_problem_add(w, w->at - 1, "\"%s\" is no burst: a number of %s, as %s", word,
		a->rate_unit == POLICY_PACKETS ? "packets" : "bytes",
		a->rate_unit == POLICY_PACKETS ? "40" : "64KiB or 9000");
}

static int read_scope(struct text_words *w, struct policy_action *a)
{
	static const char *const scopes[] = {"policy", "src", "dst", "flow"};
	const char *word = text_next(w, "the scope");
	uint64_t bits;

	if (!word)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
		if (streq(scopes[i], word)) {
			a->scope = (enum policy_scope)i;
			return 0;
		}
	if (strncmp(word, "src/", 4) == 0 && text_number(word + 4, strlen(word + 4), 128, &bits) && bits) {
		a->scope = POLICY_SCOPE_SRC;
		a->scope_length = (uint8_t)bits;
		return 0;
	}
	return text_problem_add(
		w, w->at - 1, "\"%s\" is no scope: policy, src, src/24, dst or flow", word);
}

static int read_limit(struct text_words *w, struct policy_action *a)
{
	bool no_rate = next_is(w, "burst") || next_is(w, "per");
	int r = no_rate ? text_problem_add(w, w->at, "the rate is missing") : read_rate(w, a);
	bool unit_known = !r;

	for (;;) {
		if (next_is(w, "burst") && !unit_known) {
			w->at = MIN(w->at + 2, w->count); /* packets or bytes, who knows */
		} else if (next_is(w, "burst")) {
			w->at++;
			r = text_worse(r, read_burst(w, a));
		} else if (next_is(w, "per")) {
			w->at++;
			r = text_worse(r, read_scope(w, a));
		} else {
			return r;
		}
	}
}

/* DEV[*WEIGHT] */
static int read_target(struct text_words *w, const char *text, size_t length,
	struct policy_target *ret)
{
	const char *star = memchr(text, '*', length);
	size_t name = star ? (size_t)(star - text) : length;
	uint64_t weight = 1;

	if (name >= IFACE_NAME_SIZE)
		return text_problem_add(w, w->at - 1, "\"%.*s\" is no interface name", (int)name, text);
	memcpy(ret->iface, text, name);
	ret->iface[name] = 0;
	if (!iface_name_valid(ret->iface))
		return text_problem_add(w, w->at - 1, "\"%s\" is no interface name", ret->iface);
	if (star && (!text_number(star + 1, length - name - 1, 255, &weight) || !weight))
		return text_problem_add(w, w->at - 1, "\"%.*s\": a weight is from 1 to 255", (int)length,
			text);
	ret->weight = (uint32_t)weight;
	return 0;
}

static int read_targets(struct text_words *w, struct policy_action *a)
{
	const char *word = text_next(w, "the interface");
	int r = 0;

	if (!word)
		return -EINVAL;
	a->targets = calloc(POLICY_TARGETS_MAX, sizeof(*a->targets));
	if (!a->targets)
		return -ENOMEM;
	for (const char *at = word;; at++) {
		size_t length = strcspn(at, ",");

		if (a->target_count == POLICY_TARGETS_MAX)
			return text_problem_add(w, w->at - 1, "more than %u interfaces", POLICY_TARGETS_MAX);
		r = text_worse(r, read_target(w, at, length, &a->targets[a->target_count++]));
		at += length;
		if (!*at)
			return r;
	}
}

static int read_mac(struct text_words *w, struct policy_action *a)
{
	const char *word = text_next(w, "the MAC address");
	unsigned int b[6];
	int end = 0;

	if (!word)
		return -EINVAL;
	if (strlen(word) != 17 || strspn(word, "0123456789abcdefABCDEF:") != 17 ||
		sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
		end != 17)
		return text_problem_add(w, w->at - 1, "\"%s\" is no MAC address as 02:00:00:00:00:01", word);
	for (size_t i = 0; i < 6; i++)
		a->mac[i] = (uint8_t)b[i];
	a->has_mac = true;
	return 0;
}

/* That both are too much is said when the policy is checked. */
static int read_redirect(struct text_words *w, struct policy_action *a)
{
	int r = read_targets(w, a);

	for (;;) {
		if (!a->fib && next_is(w, "fib")) {
			w->at++;
			a->fib = true;
		} else if (!a->has_mac && next_is(w, "mac")) {
			w->at++;
			r = text_worse(r, read_mac(w, a));
		} else {
			return r;
		}
	}
}

int text_read_action(struct text_words *w, struct policy_action *a)
{
	const char *word = text_next(w, "the action");

	if (!word)
		return -EINVAL;
	if (text_parse_action_kind(word, &a->kind) < 0)
		return text_problem_add(w, w->at - 1,
			"\"%s\" is no action: allow, block, reject, reflect, rate-limit RATE or redirect DEV",
			word);
	return a->kind == POLICY_RATE_LIMIT ? read_limit(w, a) :
	       a->kind == POLICY_REDIRECT   ? read_redirect(w, a) : 0;
}
