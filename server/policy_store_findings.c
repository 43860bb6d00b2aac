/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/policy_store_findings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "common/iface_pattern.h"

/* --- adding */

static struct finding *finding_of(
	struct findings *f, const char *iface, bool open, const struct store_verdict *verdict)
{
	struct finding *at = f->items;

	while (at < &f->items[f->count] &&
		(!streq(at->iface, iface) || !streq(at->verdict.policy, verdict->policy)))
		at++;
	if (at < &f->items[f->count])
		return at;
	if (f->count == FINDINGS_MAX)
		return NULL;
	f->count++;
	*at = (struct finding){.open = open, .verdict = *verdict};
	snprintf(at->iface, sizeof(at->iface), "%s", iface);
	return at;
}

/* "10.0.0.9 port 40000", without a port of what has none. */
static void end_text(const struct flow *flow, bool src, char ret[static 64])
{
	uint16_t port = src ? flow->sport : flow->dport;
	size_t length;

	inet_ntop(flow->family == 6 ? AF_INET6 : AF_INET, src ? flow->src : flow->dst, ret, 64);
	length = strlen(ret);
	if (flow->sport || flow->dport)
		snprintf(ret + length, 64 - length, " port %u", port);
}

static void vlan_text(const struct flow *flow, char ret[static 40])
{
	*ret = 0;
	if (flow->has_inner)
		snprintf(ret, 40, " in VLAN %u inside VLAN %u", flow->inner, flow->vlan);
	else if (flow->has_vlan)
		snprintf(ret, 40, " in VLAN %u", flow->vlan);
}

void findings_add(struct findings *f, const char *iface, bool open,
	const struct store_verdict *verdict, const struct flow *flow, const char *what)
{
	struct finding *at = finding_of(f, iface, open, verdict);
	char src[64], dst[64], vlan[40];

	if (!at || at->flows++)
		return;
	end_text(flow, true, src);
	end_text(flow, false, dst);
	vlan_text(flow, vlan);
	snprintf(at->first, sizeof(at->first), "%s from %s to %s%s", what, src, dst, vlan);
}

/* --- telling */

static const char *deed(const struct store_verdict *verdict)
{
	static const char *const deeds[] = {[POLICY_REJECT] = "reject",
		[POLICY_REFLECT] = "send back",
		[POLICY_REDIRECT] = "redirect"};
	const char *other =
		(size_t)verdict->action < ARRAY_SIZE(deeds) ? deeds[verdict->action] : NULL;

	return verdict->by_default || !other ? "drop" : other;
}

static char *tell(const struct finding *f)
{
	const char *policy = f->verdict.policy;
	char *text, others[40] = "";

	if (f->flows > 1)
		snprintf(others, sizeof(others), " (and %zu more)", f->flows - 1);
	return asprintf(&text, "%s%s would %s on %s %s%s",
		       *policy                 ? "policy "
		       : f->verdict.by_default ? "the default action"
					       : "a setting",
		       policy, deed(&f->verdict), f->iface, f->first, others) < 0
		       ? NULL
		       : text;
}

/* --- whose fault it is */

static bool puts_policy(const struct change *change, const struct finding *f)
{
	return (change->kind == CHANGE_CREATE_POLICY || change->kind == CHANGE_PUT_POLICY) &&
	       streq(change->policy.name, f->verdict.policy);
}

static bool sets_default(const struct change *change, const struct finding *f)
{
	return (change->kind == CHANGE_DEFAULT || change->kind == CHANGE_UNSET_DEFAULT) &&
	       f->verdict.by_default && (!*change->iface || streq(change->iface, f->iface));
}

static bool attaches(const struct change *change, const struct finding *f)
{
	return change->kind == CHANGE_ATTACH && f->open &&
	       iface_pattern_matches(change->iface, f->iface);
}

/* The change of a batch of one that a finding comes from; "" = none alone, as a deletion. */
static void blame(const struct tx *tx, const struct finding *f, char ret[static 96])
{
	static bool (*const kinds[])(const struct change *change, const struct finding *f) = {
		puts_policy, sets_default, attaches};

	snprintf(ret, 96, "%s", tx->path);
	for (size_t kind = 0; !tx->next && !*ret && kind < ARRAY_SIZE(kinds); kind++)
		for (size_t i = 0; !*ret && i < tx->changes.count; i++)
			if (kinds[kind](&tx->changes.items[i], f))
				tx_path(tx, i, "", ret);
}

int findings_refuse(const struct findings *f, const struct tx *batch, struct error *err)
{
	for (size_t i = 0; i < f->count; i++) {
		_cleanup_free_ char *text = tell(&f->items[i]);
		char path[96];

		if (!text)
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		if (!i)
			error_set(err, ERROR_PRECONDITION, "LOCKOUT",
				"%s; nothing was changed: let it pass by a policy, or force the "
				"change (--force)",
				text);
		blame(batch, &f->items[i], path);
		error_violation(err, path, "%s", text);
	}
	return f->count ? -EBUSY : 0;
}
