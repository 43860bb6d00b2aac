/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The model as a line that reads back into the identical model; defaults are left out. */
#include <inttypes.h>

#include "common/text_internal.h"

#define MEMBERS_ON_LINE 8u /* of a file, far below what one line may have */

static void write_limit(const struct policy_action *a, FILE *out)
{
	static const char *const units[] = {"bit", "B/s", "pps"};
	static const char *const scopes[] = {"policy", "src", "dst", "flow"};
	char amount[32];

	text_format_amount(a->rate, units[a->rate_unit], amount);
	fprintf(out, " %s", amount);
	if (a->burst)
		fprintf(out, " burst %" PRIu64, a->burst);
	if (a->scope_length)
		fprintf(out, " per src/%u", a->scope_length);
	else if (a->scope != POLICY_SCOPE_POLICY)
		fprintf(out, " per %s", scopes[a->scope]);
}

static void write_redirect(const struct policy_action *a, FILE *out)
{
	for (size_t i = 0; i < a->target_count; i++) {
		fprintf(out, "%c%s", i ? ',' : ' ', a->targets[i].iface);
		if (a->targets[i].weight != 1)
			fprintf(out, "*%u", a->targets[i].weight);
	}
	if (a->has_mac)
		fprintf(out, " mac %02x:%02x:%02x:%02x:%02x:%02x", a->mac[0], a->mac[1], a->mac[2],
			a->mac[3], a->mac[4], a->mac[5]);
	if (a->fib)
		fprintf(out, " fib");
}

static void write_address(const char *key, const struct policy_address *address, FILE *out)
{
	char text[72];

	if (address->kind == POLICY_ANY)
		return;
	text_format_address(address, text);
	fprintf(out, " %s %s", key, text);
}

static void write_ports(const char *key, const struct policy_ports *ports, FILE *out)
{
	if (ports->first == 0 && ports->last == 65535)
		return;
	fprintf(out, " %s %u", key, ports->first);
	if (ports->first != ports->last)
		fprintf(out, "-%u", ports->last);
}

static void write_flags(uint8_t flags, FILE *out)
{
	const char *comma = "";

	if (!flags)
		fprintf(out, "none");
	for (size_t bit = 0; bit < 8; bit++)
		if (flags & 1u << bit) {
			fprintf(out, "%s%s", comma, text_tcp_flags[bit]);
			comma = ",";
		}
}

static void write_match(const struct policy_match *m, FILE *out)
{
	char text[16];

	for (size_t i = 0; i < m->iface_count; i++)
		fprintf(out, "%s%s", i ? "," : " iface ", m->ifaces[i]);
	if (m->has_vlan)
		fprintf(out, " vlan %u", m->vlan);
	if (m->has_proto) {
		text_format_proto(m->proto, text);
		fprintf(out, " proto %s", text);
	}
	write_address("src", &m->src, out);
	write_address("dst", &m->dst, out);
	write_ports("sport", &m->sport, out);
	write_ports("dport", &m->dport, out);
	if (m->has_icmp_type)
		fprintf(out, " icmp-type %u", m->icmp_type);
	if (m->has_icmp_type && m->has_icmp_code)
		fprintf(out, "/%u", m->icmp_code);
	if (m->has_tcp_flags) {
		fprintf(out, " tcp-flags ");
		write_flags(m->tcp_flags_value, out);
		fputc('/', out);
		write_flags(m->tcp_flags_mask, out);
	}
	if (m->percent != POLICY_PERCENT_ALL)
		fprintf(out, " percent %u.%02u", m->percent / 100, m->percent % 100);
}

static void write_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void write_options(const struct policy *p, FILE *out)
{
	char ttl[32];

	if (p->priority != POLICY_PRIORITY_DEFAULT)
		fprintf(out, " priority %u", p->priority);
	if (p->log)
		fprintf(out, " log");
	if (p->log > 1)
		fprintf(out, " 1/%u", p->log);
	if (p->nolog)
		fprintf(out, " nolog");
	if (p->shadow)
		fprintf(out, " shadow");
	if (p->ttl) {
		text_format_duration(p->ttl, ttl);
		fprintf(out, " ttl %s", ttl);
	}
	if (p->comment && *p->comment) {
		fprintf(out, " comment ");
		write_quoted(p->comment, out);
	}
}

static void write_policy(const struct policy *p, FILE *out)
{
	fprintf(out, "%s %s", p->name, text_action_kind(p->action.kind));
	if (p->action.kind == POLICY_RATE_LIMIT)
		write_limit(&p->action, out);
	if (p->action.kind == POLICY_REDIRECT)
		write_redirect(&p->action, out);
	write_match(&p->match, out);
	write_options(p, out);
}

/* On one line, or with a break before each `per_line` of them; 0 = never. */
static void write_members(const struct member_list *members, size_t per_line, FILE *out)
{
	size_t count = member_list_count(members);
	bool breaks = per_line && count > per_line;
	char text[MEMBER_TEXT_SIZE];

	if (count)
		fprintf(out, " {");
	for (size_t i = 0; i < count; i++) {
		struct member m = member_list_at(members, i);

		member_format(&m, text);
		fprintf(out, "%s%s", breaks && i % per_line == 0 ? "\n\t" : " ", text);
	}
	if (count)
		fprintf(out, "%s}", breaks ? "\n" : " ");
}

static void write_set(const struct change *c, size_t per_line, FILE *out)
{
	char text[32];

	fprintf(out, "set %s%s", c->name, c->bannable ? " bannable" : "");
	if (c->max_ttl) {
		text_format_duration(c->max_ttl, text);
		fprintf(out, " max-ttl %s", text);
	}
	if (c->file) {
		fprintf(out, " file ");
		write_quoted(c->file, out);
	} else {
		write_members(&c->members, per_line, out);
	}
}

static void write_change(const struct change *c, size_t per_line, FILE *out)
{
	char value[24];

	switch (c->kind) {
	case CHANGE_CREATE_POLICY:
	case CHANGE_PUT_POLICY:
		fprintf(out, "policy ");
		write_policy(&c->policy, out);
		break;
	case CHANGE_DEFAULT:
		fprintf(out, "default %s%s%s", c->block ? "block" : "allow", *c->iface ? " iface " : "",
			c->iface);
		break;
	case CHANGE_SETTING:
		setting_format(c->setting, c->value, value);
		fprintf(out, "setting %s %s", setting_info(c->setting)->name, value);
		break;
	case CHANGE_ATTACH:
		fprintf(out, "interface %s mode %s", c->iface, attach_mode_name(c->mode));
		break;
	case CHANGE_CREATE_SET:
	case CHANGE_PUT_SET:
		write_set(c, per_line, out);
		break;
	default: /* deletions are no statements of a file */
		break;
	}
}

/* Both writers as a string of their own. */
static char *written(const struct policy *policy, const struct change *change)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (!out)
		return NULL;
	if (policy)
		write_policy(policy, out);
	else if (change)
		write_change(change, 0, out);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

char *text_format_policy(const struct policy *policy)
{
	return written(policy, NULL);
}

char *text_format_change(const struct change *change)
{
	return written(NULL, change);
}

void text_write_change(const struct change *change, FILE *out)
{
	write_change(change, MEMBERS_ON_LINE, out);
	fputc('\n', out);
}
