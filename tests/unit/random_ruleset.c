/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "random_ruleset.h"

#include <stdio.h>

#include "common/text.h"
#include "random_policy.h"

/* Sorted, as the ruleset has them. */
static const char *const odd_ifaces[] = {"%s", "*", "-", "123456789012345", "=", "a.b@c", "block",
	"eth*", "eth0", "eth0.100", "iface", "mode", "veth*0", "{", "}", "\xc3\xa4"};
static const char *const odd_names[] = {".", "..", "-", "--merge", "0", "A.b_c-D", "allow",
	"bannable", "default", "file", "iface", "policy", "set", "x-",
	"123456789012345678901234567890123456789012345678901234567890abc"};
static const char *const odd_targets[] = {"-", "=", "{", "}"};
static const char *const odd_comments[] = {"", " ", "\"", "\\", "\\\"", "a \"b\" \\ c # d", "#",
	" both ends ", "}", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xab", "x\\", "policy x block", "'",
	"%s%n"};

static bool some(uint32_t of)
{
	return random_below(of) == 0;
}

static void push(struct change_list *list, struct change *change)
{
	if (change_list_push(list, change) < 0)
		abort();
}

/* --- what is not a policy */

static void push_defaults(struct change_list *list)
{
	struct change change;

	change_init(&change, CHANGE_DEFAULT);
	change.block = some(2);
	push(list, &change);
	for (size_t i = 0; i < ARRAY_SIZE(odd_ifaces); i++) {
		if (!some(6) || strchr(odd_ifaces[i], '*'))
			continue;
		change_init(&change, CHANGE_DEFAULT);
		change.block = some(2);
		snprintf(change.iface, sizeof(change.iface), "%s", odd_ifaces[i]);
		push(list, &change);
	}
}

static uint64_t random_ports(void)
{
	uint64_t value = 0;
	uint32_t port = UINT16_MAX;

	for (uint32_t i = random_below(SETTING_PORTS_MAX + 1); i > 0; i--) {
		port = port - 1 - random_below(16000);
		value = value << 16 | port;
	}
	return value;
}

static uint64_t random_setting(const struct setting_info *info)
{
	uint64_t range = info->maximum - info->minimum + 1;

	return info->ports ? random_ports() :
			     info->minimum + random_below((uint32_t)MIN(range, 1u << 24));
}

static void push_settings(struct change_list *list)
{
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);
		struct change change;

		change_init(&change, CHANGE_SETTING);
		change.setting = (enum setting)i;
		change.value = random_setting(info);
		if (some(3) && change.value != info->value)
			push(list, &change);
	}
}

static void push_interfaces(struct change_list *list, const struct random_ruleset *o)
{
	size_t count = o->ifaces ? o->iface_count : ARRAY_SIZE(odd_ifaces);

	for (size_t i = 0; i < count; i++) {
		struct change change;

		if (!some(4))
			continue;
		change_init(&change, CHANGE_ATTACH);
		change.mode = (enum attach_mode)random_below(o->ifaces ? 2 : 4);
		snprintf(change.iface, sizeof(change.iface), "%s",
			(o->ifaces ? o->ifaces : odd_ifaces)[i]);
		push(list, &change);
	}
}

/* A classifier has room for some lengths only: `kind` is one of a few that a set has. */
static void random_member(uint32_t kind, struct member *m)
{
	*m = (struct member){.family = kind % 2 ? 4 : 6};
	m->length = some(2) ? (m->family == 4 ? 32 : 128)
			    : (uint8_t)(kind / 2 % (m->family == 4 ? 33 : 129));
	for (size_t bit = 0; bit < m->length; bit++)
		m->bytes[bit / 8] |= (uint8_t)(random_below(2) << (7 - bit % 8));
}

static bool same_member(const struct member *a, const struct member *b)
{
	return a->family == b->family && a->length == b->length &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Sorted, each once. */
static void fill_members(struct member_list *list, size_t count)
{
	_cleanup_members_ struct member_list all = {0};
	uint32_t kinds = random_below(1000);
	struct member last = {0};

	for (size_t i = 0; i < count; i++) {
		struct member m;

		random_member(kinds + 77 * random_below(10), &m);
		if (member_list_push(&all, &m) < 0)
			abort();
	}
	member_list_sort(&all);
	for (size_t i = 0; i < count; i++) {
		struct member m = member_list_at(&all, i);

		if (!same_member(&m, &last) && member_list_push(list, &m) < 0)
			abort();
		last = m;
	}
}

/* Of the i-th of its kind; no two are the same. */
static void name_of(size_t i, char ret[static POLICY_NAME_MAX + 1])
{
	if (i < ARRAY_SIZE(odd_names))
		snprintf(ret, POLICY_NAME_MAX + 1, "%s", odd_names[i]);
	else
		snprintf(ret, POLICY_NAME_MAX + 1, "p%zu", i);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->name, ((const struct change *)b)->name);
}

static void push_sets(struct change_list *list)
{
	size_t count = random_below(5), first = list->count, start = random_below(20);

	for (size_t i = 0; i < count; i++) {
		struct change change;

		change_init(&change, CHANGE_PUT_SET);
		name_of(start + i, change.name);
		change.bannable = some(2);
		change.max_ttl = some(2) ? 0 : (1 + (uint64_t)random_below(1u << 24)) * 1000000;
		fill_members(&change.members, random_below(some(100) ? 1200 : 12));
		push(list, &change);
	}
	qsort(&list->items[first], count, sizeof(*list->items), by_name);
}

/* --- policies */

/* One that the ruleset has, or any address. */
static void choose_set(const struct change_list *list, struct policy_address *a)
{
	size_t at = random_below((uint32_t)list->count);

	if (a->kind != POLICY_SET)
		return;
	*a = (struct policy_address){0};
	if (list->items[at].kind != CHANGE_PUT_SET)
		return;
	a->kind = POLICY_SET;
	memcpy(a->set, list->items[at].name, sizeof(a->set));
}

static void choose_ifaces(struct policy *p)
{
	struct policy_match *m = &p->match;
	size_t at = 0;

	for (size_t i = 0; i < m->iface_count; i++) {
		at += random_below(7);
		while (strchr(odd_ifaces[at], '*'))
			at++;
		snprintf(m->ifaces[i], IFACE_NAME_SIZE, "%s", odd_ifaces[at++]);
	}
	for (size_t i = 0; i < MIN(p->action.target_count, ARRAY_SIZE(odd_targets)) && some(3); i++)
		snprintf(p->action.targets[i].iface, IFACE_NAME_SIZE, "%s", odd_targets[i]);
}

/* Most of them: a wide one costs the classifier a thousand times what the others do. */
static void narrow(struct policy_ports *ports)
{
	if (!some(20) && (ports->first || ports->last != 65535))
		ports->last = MIN(
			ports->last, (uint16_t)(ports->first + MIN(65535u - ports->first, 20u)));
}

static void make_enforceable(struct policy *p)
{
	struct policy_action *a = &p->action;

	p->ttl = 0;
	narrow(&p->match.sport);
	narrow(&p->match.dport);
	/* There are 63 tables for several, also for those that a change replaces. */
	if (!some(5))
		a->target_count = MIN(a->target_count, 1u);
	if (a->target_count == 1)
		a->targets[0].weight = 1;
}

static void push_policies(struct change_list *list, const struct random_ruleset *o)
{
	size_t count = random_below(some(50) ? 200 : 16), start = random_below(20);

	for (size_t i = 0; i < count; i++) {
		struct change change;
		struct policy *p = &change.policy;

		change_init(&change, CHANGE_PUT_POLICY);
		random_policy(p);
		name_of(start + i, p->name);
		choose_set(list, &p->match.src);
		choose_set(list, &p->match.dst);
		choose_ifaces(p);
		free(p->comment);
		p->comment = some(2) ? NULL
				     : strdup(odd_comments[random_below(ARRAY_SIZE(odd_comments))]);
		if (o->enforceable)
			make_enforceable(p);
		push(list, &change);
	}
}

void random_ruleset(uint32_t seed, const struct random_ruleset *options, struct change_list *ret)
{
	*ret = (struct change_list){0};
	random_start(seed);
	push_defaults(ret);
	push_settings(ret);
	push_interfaces(ret, options);
	push_sets(ret);
	push_policies(ret, options);
}

void random_ruleset_shuffle(struct change_list *rules)
{
	for (size_t i = rules->count; i > 1; i--) {
		size_t other = random_below((uint32_t)i);
		struct change *a = &rules->items[i - 1], *b = &rules->items[other], copy = *a;

		if (a->kind == CHANGE_PUT_POLICY || b->kind == CHANGE_PUT_POLICY)
			continue;
		*a = *b;
		*b = copy;
	}
}

char *random_ruleset_text(const struct change_list *rules)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	for (size_t i = 0; i < rules->count; i++)
		text_write_change(&rules->items[i], out);
	if (fclose(out))
		abort();
	return text;
}
