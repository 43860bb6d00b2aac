/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "fuzz_model.h"

#include <string.h>

const char *const model_sets[MODEL_SETS] = {"a", "b", "c", "fill"};
const char *const model_prefixes[MODEL_PREFIXES] = {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16",
	"10.1.2.0/24", "10.1.2.128/25", "10.1.2.3/32", "10.1.2.4/31", "10.1.3.0/29", "10.128.0.0/9",
	"192.0.2.0/26", "192.0.2.1/32", "192.0.2.2/32", "192.0.0.0/12", "128.0.0.0/1",
	"203.0.113.7/32", "203.0.113.0/28", "2001:db8::/32", "2001:db8::/48", "2001:db8::/64",
	"2001:db8::1/128", "2001:db8::2/127", "2001:db8:1::/49", "2001::/16", "::/0",
	"2001:db8::100/120", "2001:db8:f000::/36", "fe80::/10", "2001:db8:1:8000::/50",
	"2001:db8::1:0/112", "2001:db8::1:2/128", "2000::/3", "fe80::1/128"};
const uint16_t model_ports[MODEL_PORTS] = {0, 1, 22, 79, 80, 81, 443, 1023, 1024, 40000, 65535};
const uint8_t model_protos[MODEL_PROTOS] = {6, 17, 1, 58, 47, 132};
struct policy_address model_universe[MODEL_PREFIXES];

uint8_t input_byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

size_t model_find(const struct model *m, const char *name)
{
	size_t at = 0;

	while (at < m->count && !streq(m->policies[at].name, name))
		at++;
	return at;
}

static struct policy_address address(uint8_t choice)
{
	struct policy_address a = {.kind = POLICY_ANY};

	if (choice >= 64 && choice < 192)
		return model_universe[choice % MODEL_PREFIXES];
	if (choice >= 192) {
		a.kind = POLICY_SET;
		strcpy(a.set, model_sets[choice % MODEL_SETS]);
	}
	return a;
}

static struct policy_ports port_range(uint8_t choice)
{
	uint16_t a = model_ports[choice / 11 % 11], b = model_ports[choice % 11];

	if (choice < 100)
		return (struct policy_ports){0, UINT16_MAX};
	if (choice < 180)
		return (struct policy_ports){b, b};
	return (struct policy_ports){MIN(a, b), MAX(a, b)};
}

static void set_rest(struct policy *p, uint8_t choice, uint8_t more)
{
	static char ifaces[2][IFACE_NAME_SIZE] = {"eth0", "eth1"};
	static struct policy_target targets[] = {{"eth0", 1}, {"eth1", 1}, {"eth2", 1}};
	static const enum policy_action_kind kinds[] = {
		POLICY_ALLOW, POLICY_BLOCK, POLICY_REFLECT, POLICY_REDIRECT, POLICY_RATE_LIMIT};

	p->action.kind = kinds[choice % ARRAY_SIZE(kinds)];
	if (p->action.kind == POLICY_REDIRECT) {
		p->action.targets = &targets[more % 3];
		p->action.target_count = 1;
	}
	if (p->action.kind == POLICY_RATE_LIMIT)
		p->action.rate = 1000u + more % 2;
	p->shadow = choice % 7 == 6;
	p->priority = choice & 64 ? POLICY_PRIORITY_DEFAULT : choice / 8 % 4;
	p->match.has_vlan = more % 16 == 5;
	p->match.vlan = p->match.has_vlan ? 5 : 0;
	if (more % 16 == 6)
		p->match.percent = 5000;
	if (more % 16 == 7) {
		p->match.ifaces = &ifaces[more / 16 % 2];
		p->match.iface_count = 1;
	}
}

/* False = it contradicts itself. */
static bool policy_make(struct input *in, uint8_t name, struct policy *ret)
{
	uint8_t proto;

	policy_init(ret);
	ret->name[0] = 'p';
	ret->name[1] = (char)('a' + name % MODEL_NAMES);
	ret->match.src = address(input_byte(in));
	ret->match.dst = address(input_byte(in));
	ret->match.sport = port_range(input_byte(in));
	ret->match.dport = port_range(input_byte(in));
	proto = input_byte(in);
	ret->match.has_proto = proto < 128;
	ret->match.proto = proto < 128 ? model_protos[proto % MODEL_PROTOS] : 0;
	set_rest(ret, input_byte(in), input_byte(in));
	return policy_validate(ret, "", NULL) == 0;
}

static void put(struct model *m, const struct policy *p)
{
	size_t at = 0;

	while (at < m->count && !streq(m->policies[at].name, p->name))
		at++;
	if (at == m->count) {
		m->positions[at] = ++m->last;
		m->count++;
	}
	m->policies[at] = *p;
}

static void take_out(struct model *m, size_t at)
{
	if (at >= m->count)
		return;
	m->count--;
	memmove(&m->policies[at], &m->policies[at + 1], (m->count - at) * sizeof(*m->policies));
	memmove(&m->positions[at], &m->positions[at + 1], (m->count - at) * sizeof(*m->positions));
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t was = *a;

	*a = *b;
	*b = was;
}

void model_change(struct input *in, struct model *m)
{
	uint8_t kind = input_byte(in), choice = input_byte(in);
	struct policy p;

	if (kind < 110 && policy_make(in, choice, &p))
		put(m, &p);
	else if (kind >= 110 && kind < 140 && m->count)
		take_out(m, choice % m->count);
	else if (kind >= 140 && kind < 220)
		m->members[kind % MODEL_SETS] ^= 1u << choice % MODEL_PREFIXES;
	else if (kind >= 220 && kind < 230)
		m->fill = choice % (MODEL_FILL_MAX + 1);
	else if (kind >= 230 && kind < 236)
		m->members[choice % MODEL_SETS] = 0;
	else if (kind >= 236 && kind < 242)
		swap(&m->members[choice % MODEL_SETS], &m->members[choice / 4 % MODEL_SETS]);
	else if (kind >= 242 && kind < 248)
		m->block = choice & 1;
	else if (kind >= 252)
		m->count = m->last = 0; /* what follows replaces all */
}
