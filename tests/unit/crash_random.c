/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "crash_random.h"

#include <stdio.h>
#include <string.h>

#include "common/macros.h"
#include "random_policy.h"

#define STEPS_MIN 8u
#define STEPS_MAX 20u
#define NAPS      3u /* that an hour has */

static char texts[SESSION_STEPS][1600];
static const char *steps[SESSION_STEPS];

static bool one_in(uint32_t n)
{
	return !random_below(n);
}

static const char *any(const char *const *of, uint32_t count)
{
	return of[random_below(count)];
}

/* --- statements of a policy file */

static const char *set_name(void)
{
	static const char *const all[] = {"s", "s", "t", "big", "banned"};

	return any(all, ARRAY_SIZE(all));
}

static void write_members(FILE *out, uint32_t least)
{
	static const char *const all[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.0/24",
		"198.51.100.7", "::1", "::2", "2001:db8::/32"};

	for (uint32_t n = least + random_below(4); n; n--)
		fprintf(out, " %s", any(all, ARRAY_SIZE(all)));
}

/* Times of policies end three minutes behind a full hour, when nothing else does. */
static void write_policy(FILE *out, char name)
{
	static const char *const actions[] = {
		"block", "block", "allow", "rate-limit 20pps burst 40"};

	fprintf(out, "policy %c %s src ", name, any(actions, ARRAY_SIZE(actions)));
	if (one_in(3))
		fprintf(out, "@%s", set_name());
	else
		fprintf(out, "10.0.0.%u", random_below(4));
	if (one_in(4))
		fprintf(out, " priority %u", random_below(3));
	if (one_in(4))
		fprintf(out, " ttl %um", 60 * (1 + random_below(4)) + 3);
	if (one_in(6))
		fprintf(out, " shadow");
}

static void write_rest(FILE *out)
{
	if (one_in(5))
		fprintf(out, ";default %s%s", one_in(2) ? "block" : "allow",
			one_in(2) ? " iface eth1" : "");
	if (one_in(5))
		fprintf(out, ";setting event-rate %u", random_below(3));
	if (one_in(5))
		fprintf(out, ";interface %s mode %s", one_in(2) ? "eth0" : "veth*",
			one_in(2) ? "auto" : "generic");
}

/* A file names nothing twice. */
static void write_file(FILE *out)
{
	char name = (char)('a' + random_below(3));

	fprintf(out, "set %s%s%s {", set_name(), one_in(3) ? " bannable" : "",
		one_in(3) ? " max-ttl 9h" : "");
	write_members(out, 0);
	fprintf(out, " }");
	for (uint32_t n = random_below(4); n; n--) {
		fputc(';', out);
		write_policy(out, name++);
	}
	write_rest(out);
}

/* --- transactions */

static void write_members_of(FILE *out, const char *verb)
{
	fprintf(out, "%s %s", verb, set_name());
	write_members(out, 1);
}

static void write_change(FILE *out)
{
	static const char *const members[] = {"add", "add", "take", "swap"};
	static const char *const files[] = {"put ", "put ", "put ", "all "};

	switch (random_below(14)) {
	case 0:
		fprintf(out, "drop %c", 'a' + random_below(5));
		break;
	case 1:
		fprintf(out, "create ");
		write_policy(out, (char)('a' + random_below(5)));
		break;
	case 2:
		fprintf(out, "%s", one_in(3) ? "flush" : "default eth1");
		break;
	case 3:
		fprintf(out, one_in(2) ? "detach eth0" : "unset %s", set_name());
		break;
	case 4:
		fprintf(out, "put ");
		write_policy(out, (char)('a' + random_below(5)));
		break;
	case 5:
	case 6:
	case 7:
		write_members_of(out, any(members, ARRAY_SIZE(members)));
		break;
	default:
		fprintf(out, "%s", any(files, ARRAY_SIZE(files)));
		write_file(out);
	}
}

/* They end at full hours. */
static void write_lease(FILE *out)
{
	static const char *const holds[] = {"hold", "hold", "hold", "cut", "mine"};
	const char *owner = one_in(2) ? "fail2ban" : "other";

	switch (random_below(8)) {
	case 0:
		fprintf(out, "free %s %s", set_name(), owner);
		return;
	case 1:
		fprintf(out, "let %s %s", set_name(), owner);
		break;
	case 2:
		fprintf(out, "ban banned %s %u", owner, 1 + random_below(5));
		break;
	default:
		fprintf(out, "%s %s %s %u", any(holds, ARRAY_SIZE(holds)), set_name(), owner,
			random_below(6));
	}
	write_members(out, 1);
}

static void write_together(FILE *out)
{
	bool ids = one_in(2);

	for (uint32_t n = one_in(4) ? 2 + random_below(2) : 1; n; n--) {
		if (ids)
			fputc('#', out);
		if (!ids && one_in(3))
			write_lease(out);
		else
			write_change(out);
		if (n > 1)
			fputc('|', out);
	}
}

static void write_step(FILE *out, uint32_t number)
{
	switch (random_below(12)) {
	case 0:
		fprintf(out, "#back %u", 1 + random_below(3));
		break;
	case 1:
		fprintf(out, "%swait ", one_in(2) ? "#" : "");
		write_file(out);
		break;
	case 2:
		fprintf(out, "confirm");
		break;
	case 3:
		fprintf(out, "fill big %u", 1001 + random_below(40));
		break;
	case 4:
		fprintf(out, "again %u", random_below(number + 1));
		break;
	case 5:
	case 6:
		write_lease(out);
		break;
	default:
		write_together(out);
	}
}

/* --- sessions */

/* Only what has an id can be asked for again. */
static bool may_stand(const char *step)
{
	unsigned int from;

	if (sscanf(step, "+again %u", &from) == 1)
		return false;
	return sscanf(step, "again %u", &from) != 1 || texts[from][0] == '#';
}

static void random_step(uint32_t number)
{
	do {
		char *text = texts[number];
		FILE *out = fmemopen(text, sizeof(texts[0]), "w");

		if (one_in(12))
			fputc('+', out);
		write_step(out, number);
		fclose(out);
	} while (!may_stand(texts[number]));
}

/* In each of the naps one sort of things ends at most: policies, what nobody confirmed, leases. */
static void write_hour(uint32_t number)
{
	static const char *const naps[NAPS] = {"nap 5", "nap 5", "nap 50"};

	for (uint32_t i = 0; i < NAPS; i++)
		snprintf(texts[number + i], sizeof(texts[0]), "%s", naps[i]);
}

void crash_random(uint32_t seed, struct crash_session *ret)
{
	uint32_t count = 0, wanted;

	random_start(seed);
	wanted = STEPS_MIN + random_below(STEPS_MAX - STEPS_MIN);
	while (count < wanted) {
		if (count && one_in(6)) {
			write_hour(count);
			count += NAPS;
		} else {
			random_step(count++);
		}
	}
	for (uint32_t i = 0; i < count; i++)
		steps[i] = texts[i];
	*ret = (struct crash_session){.steps = steps, .count = count, .may_refuse = true};
}
