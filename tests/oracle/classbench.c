/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "classbench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"

const char *const classbench_sets[CLASSBENCH_SETS] = {"acl", "fw", "ipc"};

/* Arrays grow by this factor of what they hold. */
static int grow(void **items, size_t count, size_t size)
{
	void *more;

	if (count & (count - 1))
		return 0;
	more = reallocarray(*items, count ? 2 * count : 1, size);
	if (!more)
		return -ENOMEM;
	*items = more;
	return 0;
}

static int parse_prefix(const char *word, struct policy_address *ret, struct error *err)
{
	char message[160];

	if (text_parse_address(word, ret, message))
		return error_set(err, ERROR_INVALID, NULL, "%s", message);
	return 0;
}

/* The words of a line; all are bounded by its length. */
struct rule_line {
	char src[32], dst[32];
	unsigned int sport[2], dport[2], proto, mask;
};

static int split_rule(const char *line, struct rule_line *l, struct error *err)
{
	if (sscanf(line, "@%31s %31s %u : %u %u : %u 0x%x/0x%x", l->src, l->dst, &l->sport[0],
		    &l->sport[1], &l->dport[0], &l->dport[1], &l->proto, &l->mask) != 8)
		return error_set(err, ERROR_INVALID, NULL, "the line is no ClassBench rule");
	if (l->sport[0] > 65535 || l->sport[1] > 65535 || l->dport[0] > 65535 ||
		l->dport[1] > 65535)
		return error_set(err, ERROR_INVALID, NULL, "a port is from 0 to 65535");
	if (l->proto > 255 || (l->mask != 0xff && l->mask))
		return error_set(err, ERROR_INVALID, NULL,
			"a protocol is from 0x00 to 0xFF, its mask 0xFF or 0x00");
	return 0;
}

static int parse_rule(const char *line, size_t index, struct policy *p, struct error *err)
{
	struct rule_line l;
	int r = split_rule(line, &l, err);

	policy_init(p);
	if (r || (r = parse_prefix(l.src, &p->match.src, err)) ||
		(r = parse_prefix(l.dst, &p->match.dst, err)))
		return r;
	snprintf(p->name, sizeof(p->name), "r%zu", index);
	p->priority = (uint32_t)index;
	p->action.kind = index % 2 ? POLICY_ALLOW : POLICY_BLOCK;
	p->match.sport = (struct policy_ports){(uint16_t)l.sport[0], (uint16_t)l.sport[1]};
	p->match.dport = (struct policy_ports){(uint16_t)l.dport[0], (uint16_t)l.dport[1]};
	p->match.has_proto = l.mask;
	p->match.proto = l.mask ? (uint8_t)l.proto : 0;
	return policy_validate(p, "", err);
}

static int parse_packet(
	const char *line, struct oracle_packet *p, size_t *ret_rule, struct error *err)
{
	uint32_t src, dst, unused;

	*p = (struct oracle_packet){.family = 4, .iface = "eth0"};
	if (sscanf(line,
		    "%" SCNu32 " %" SCNu32 " %" SCNu16 " %" SCNu16 " %" SCNu8 " %" SCNu32 " %zu",
		    &src, &dst, &p->sport, &p->dport, &p->proto, &unused, ret_rule) != 7)
		return error_set(err, ERROR_INVALID, NULL, "the line is no ClassBench packet");
	src = __builtin_bswap32(src);
	dst = __builtin_bswap32(dst);
	memcpy(p->src, &src, sizeof(src));
	memcpy(p->dst, &dst, sizeof(dst));
	p->has_ports = proto_has_ports(p->proto);
	if (!p->has_ports)
		p->sport = p->dport = 0;
	p->has_tcp = p->proto == 6;
	p->has_icmp = p->proto == 1;
	return 0;
}

/* What takes a line; `index` is its number from 0. */
typedef int take_line(void *list, size_t index, const char *line, struct error *err);

static int read_lines(const char *path, take_line *take, void *list, struct error *err)
{
	FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0, index = 0;
	int r = 0;

	if (!file)
		return error_set(err, ERROR_NOT_FOUND, NULL, "%s: %s", path, strerror(errno));
	while (!r && getline(&line, &room, file) > 0) {
		r = take(list, index++, line, err);
		if (r)
			error_prefix(err, "%s:%zu: ", path, index);
	}
	fclose(file);
	return r;
}

static int take_rule(void *list, size_t index, const char *line, struct error *err)
{
	struct oracle_ruleset *rules = list;
	int r = grow((void **)&rules->policies, rules->count, sizeof(*rules->policies));

	if (!r)
		r = parse_rule(line, index, &rules->policies[rules->count], err);
	if (!r)
		rules->count++;
	return r;
}

int classbench_read_rules(const char *path, struct oracle_ruleset *ret, struct error *err)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	int r = read_lines(path, take_rule, &rules, err);

	if (r)
		return r;
	*ret = rules;
	rules = (struct oracle_ruleset){0};
	return 0;
}

static int take_packet(void *list, size_t index, const char *line, struct error *err)
{
	struct classbench_trace *t = list;
	int r = grow((void **)&t->packets, index, sizeof(*t->packets));

	if (!r)
		r = grow((void **)&t->rules, index, sizeof(*t->rules));
	if (!r)
		r = parse_packet(line, &t->packets[index], &t->rules[index], err);
	if (!r)
		t->count++;
	return r;
}

int classbench_read_trace(const char *path, struct classbench_trace *ret, struct error *err)
{
	_cleanup_(classbench_trace_deinit) struct classbench_trace trace = {0};
	int r = read_lines(path, take_packet, &trace, err);

	if (r)
		return r;
	*ret = trace;
	trace = (struct classbench_trace){0};
	return 0;
}

void classbench_trace_deinit(struct classbench_trace *trace)
{
	free(trace->packets);
	free(trace->rules);
	*trace = (struct classbench_trace){0};
}

int classbench_published(const char *name, struct oracle_ruleset *ret_rules,
	struct classbench_trace *ret_trace, struct error *err)
{
	_cleanup_(oracle_ruleset_deinit) struct oracle_ruleset rules = {0};
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/%s_1k.rules", CLASSBENCH_DATA, name);
	r = classbench_read_rules(path, &rules, err);
	if (!r && ret_trace) {
		snprintf(path, sizeof(path), "%s/%s_1k.trace", CLASSBENCH_DATA, name);
		r = classbench_read_trace(path, ret_trace, err);
	}
	if (r)
		return r;
	*ret_rules = rules;
	rules = (struct oracle_ruleset){0};
	return 0;
}
