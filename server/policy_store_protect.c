/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The lock-out check. Before a change comes into force, the packet program is asked
 * what the prepared ruleset makes of every connection to a protected port, as a packet
 * of it and as the first of a new one, and of the flows that the request lists, on each
 * interface that is or will be filtered. What would not get through, and does now, is
 * refused. Connections come from the kernel: who asks for the change may be anybody's
 * child, with an environment that tells nothing of a session.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/policy_store_internal.h"

#define FINDINGS_MAX 16u /* that are told */

struct target {
	char iface[IFACE_NAME_SIZE];
	bool open; /* nothing is filtered there now */
};

/* What one decider does on one interface. */
struct finding {
	const struct target *target;
	struct store_verdict verdict;
	size_t flows;
	char first[200];
};

struct check {
	struct store *s;
	bool next; /* by the prepared ruleset */
	struct target targets[2 * STORE_ATTACHMENTS_MAX]; /* by name, also absent ones, and by pattern */
	size_t target_count;
	struct finding findings[FINDINGS_MAX];
	size_t finding_count;
	int error; /* of the kernel */
};

/* --- one question */

static int ask(struct check *c, const struct flow *flow, const struct target *target, bool next,
	struct store_verdict *ret)
{
	const struct store *s = c->s;
	const struct store_config *config = next ? &s->next_config : &s->config;
	const struct store_default *own = config_default(config, target->iface);
	int r = s->backend.judge(s->backend.data, flow, target->iface, next, ret);

	if (r)
		c->error = r;
	else if (ret->by_default) /* the program does not know that of an interface to come */
		ret->passes = !(own ? own->block : config->block);
	return r;
}

/* Whether it gets through now and would not; `ret` tells why. */
static bool is_cut_off(struct check *c, const struct flow *flow, const struct target *target,
	struct store_verdict *ret)
{
	struct store_verdict now;

	if (c->error || ask(c, flow, target, c->next, ret) || ret->passes)
		return false;
	if (target->open)
		return true;
	if (ask(c, flow, target, false, &now) || !now.passes)
		return false;
	/* A bucket may have filled up between the two questions. */
	return ret->action != POLICY_RATE_LIMIT || !streq(ret->policy, now.policy);
}

/* --- what is found */

static struct finding *finding_of(
	struct check *c, const struct target *target, const struct store_verdict *verdict)
{
	struct finding *f = c->findings;

	while (f < &c->findings[c->finding_count] &&
		(f->target != target || !streq(f->verdict.policy, verdict->policy)))
		f++;
	if (f < &c->findings[c->finding_count])
		return f;
	if (c->finding_count == FINDINGS_MAX)
		return NULL;
	c->finding_count++;
	*f = (struct finding){.target = target, .verdict = *verdict};
	return f;
}

static void end_text(const struct flow *flow, bool src, char ret[static INET6_ADDRSTRLEN])
{
	inet_ntop(flow->family == 6 ? AF_INET6 : AF_INET, src ? flow->src : flow->dst, ret,
		INET6_ADDRSTRLEN);
}

static void found(struct check *c, const struct target *target, const struct store_verdict *verdict,
	const struct flow *flow, const char *what)
{
	struct finding *f = finding_of(c, target, verdict);
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (!f || f->flows++)
		return;
	end_text(flow, true, src);
	end_text(flow, false, dst);
	if (flow->sport || flow->dport)
		snprintf(f->first, sizeof(f->first), "%s from %s port %u to %s port %u", what, src,
			flow->sport, dst, flow->dport);
	else
		snprintf(f->first, sizeof(f->first), "%s from %s to %s", what, src, dst);
}

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
		       policy, deed(&f->verdict), f->target->iface, f->first, others) < 0
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
	       f->verdict.by_default && (!*change->iface || streq(change->iface, f->target->iface));
}

static bool attaches(const struct change *change, const struct finding *f)
{
	return change->kind == CHANGE_ATTACH && f->target->open &&
	       iface_pattern_matches(change->iface, f->target->iface);
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

static int refuse(const struct check *c, struct error *err)
{
	for (size_t i = 0; i < c->finding_count; i++) {
		_cleanup_free_ char *text = tell(&c->findings[i]);
		char path[96];

		if (!text)
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		if (!i)
			error_set(err, ERROR_PRECONDITION, "LOCKOUT",
				"%s; nothing was changed: let it pass by a policy, or force the "
				"change "
				"(--force)",
				text);
		blame(c->s->batch, &c->findings[i], path);
		error_violation(err, path, "%s", text);
	}
	return c->finding_count ? -EBUSY : 0;
}

/* --- all questions */

static void ask_session(struct check *c, const struct session *session, const struct target *target)
{
	struct store_verdict verdict;
	struct flow first = session->flow;

	if (session->loopback != streq(target->iface, "lo"))
		return;
	first.tcp_flags = TH_SYN;
	if (is_cut_off(c, &session->flow, target, &verdict))
		found(c, target, &verdict, &session->flow, "the established connection");
	else if (is_cut_off(c, &first, target, &verdict))
		found(c, target, &verdict, &first, "a new connection like the established one");
}

static void ask_listed(struct check *c, const struct tx *tx, const struct target *target)
{
	struct store_verdict verdict;
	char what[40];

	for (size_t i = 0; i < tx->protect_count; i++) {
		snprintf(what, sizeof(what), "protect[%zu]: a packet", i);
		if (is_cut_off(c, &tx->protect[i], target, &verdict))
			found(c, target, &verdict, &tx->protect[i], what);
	}
}

/* Also those in force until now: no change takes away the protection from itself. */
static size_t ports_of(const struct store *s, uint16_t ret[static 2 * SETTING_PORTS_MAX])
{
	uint64_t now = s->config.settings[SETTING_PROTECT_PORTS];
	uint64_t next = s->next_config.settings[SETTING_PROTECT_PORTS];
	size_t count = setting_ports(now, ret);

	return next == now ? count : count + setting_ports(next, ret + count);
}

static bool decides_on(const struct store_policy *p, const uint16_t *ports, size_t count)
{
	const struct policy_match *m = p ? &p->policy.match : NULL;

	if (!m || (m->has_proto && m->proto != IPPROTO_TCP))
		return false;
	for (size_t i = 0; i < count; i++)
		if (m->dport.first <= ports[i] && ports[i] <= m->dport.last)
			return true;
	return false;
}

static bool moves_members(const struct store *s)
{
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		const struct set_work *w = &s->work[id];

		if (w->swap || member_set_count(&w->added) + member_set_count(&w->removed) +
			member_set_count(&w->held_added) + member_set_count(&w->held_removed))
			return true;
	}
	return false;
}

/*
 * Whether a connection to one of the ports could fare otherwise by the batch. Most policies are
 * about other ports, and to list the connections takes the kernel a walk through its whole table.
 */
static bool may_cut_off(const struct check *c, const uint16_t *ports, size_t count)
{
	const struct store *s = c->s;

	if (!c->next || moves_members(s) || !config_equal(&s->config, &s->next_config))
		return true;
	for (size_t i = 0; i < c->target_count; i++)
		if (c->targets[i].open)
			return true;
	for (size_t i = 0; i < s->touched_count; i++)
		if (decides_on(s->touched[i]->now, ports, count) ||
			decides_on(s->touched[i]->next, ports, count))
			return true;
	return false;
}

static int list_sessions(const struct check *c, struct sock_diag *ret, struct error *err)
{
	uint16_t ports[2 * SETTING_PORTS_MAX];
	struct store *s = c->s;
	size_t count = ports_of(s, ports);
	int r = count && may_cut_off(c, ports, count) ? s->backend.sessions(s->backend.data, ports, count, ret) : 0;

	s->protect_cut |= ret->cut;
	return r ? error_set(err, ERROR_PRECONDITION, "NO_SOCK_DIAG",
			   "the connections that the change may cut off cannot be listed: %s%s; "
			   "force "
			   "the change (--force), with protect-ports none for good",
			   strerror(-r), r == -ENOENT ? " (a kernel without tcp_diag)" : "")
		 : 0;
}

static int check(struct check *c, struct error *err)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = STORE_SESSIONS_MAX};
	int r = c->target_count ? list_sessions(c, &list, err) : 0;

	for (size_t t = 0; !r && t < c->target_count; t++) {
		for (size_t i = 0; i < list.count; i++)
			ask_session(c, &list.sessions[i], &c->targets[t]);
		for (const struct tx *tx = c->s->batch; tx; tx = tx->next)
			ask_listed(c, tx, &c->targets[t]);
	}
	if (c->error)
		return error_set(err, ERROR_PRECONDITION, "KERNEL_REFUSED",
			"the kernel refuses to run the packet program on a connection that the "
			"change "
			"may cut off: %s",
			strerror(-c->error));
	return r ? r : refuse(c, err);
}

/* --- of what */

/* Also one that attaches what the ruleset has already: it may be off. */
static bool attaches_any(const struct tx *tx)
{
	for (size_t i = 0; i < tx->changes.count; i++)
		if (tx->changes.items[i].kind == CHANGE_ATTACH)
			return true;
	return false;
}

bool protect_wanted(const struct store *s)
{
	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		if (!tx->force && (tx->changed || tx->moves || attaches_any(tx)))
			return s->next_config.attachment_count;
	return false;
}

static void add_target(struct check *c, const char *iface, bool open)
{
	struct target *t = c->targets;

	while (t < &c->targets[c->target_count] && !streq(t->iface, iface))
		t++;
	if (t == &c->targets[ARRAY_SIZE(c->targets)]) {
		c->s->protect_cut = true;
		return;
	}
	if (t == &c->targets[c->target_count]) {
		snprintf(t->iface, sizeof(t->iface), "%s", iface);
		t->open = false;
		c->target_count++;
	}
	t->open |= open;
}

/*
 * What an attachment filters, or would if it were not off; with `comes` nothing is filtered yet
 * where it is.
 */
static void add_targets(struct check *c, const char *name, bool comes, bool only_open)
{
	struct store_iface found[STORE_IFACES_MAX];
	size_t count = c->s->backend.ifaces(c->s->backend.data, name, found, ARRAY_SIZE(found));

	c->s->protect_cut |= count == ARRAY_SIZE(found);
	for (size_t i = 0; i < count; i++)
		if (!only_open || !found[i].filtered)
			add_target(c, found[i].name, comes && !found[i].filtered);
}

int protect_batch(struct store *s, struct error *err)
{
	struct check c = {.s = s, .next = true};

	for (size_t i = 0; i < s->next_config.attachment_count; i++) {
		const char *name = s->next_config.attachments[i].iface;
		bool comes = !config_attachment(&s->config, name) || batch_asks(s, name);

		if (comes || iface_pattern_valid(name))
			add_targets(&c, name, comes, false);
		else
			add_target(&c, name, false); /* also one that is absent just now */
	}
	return check(&c, err);
}

static void add_reattached(struct check *c, const struct tx *tx)
{
	for (size_t i = 0; !tx->force && i < tx->changes.count; i++)
		if (tx->changes.items[i].kind == CHANGE_ATTACH)
			add_targets(c, tx->changes.items[i].iface, true, true);
}

int protect_reattached(struct store *s, struct error *err)
{
	struct check c = {.s = s};

	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		add_reattached(&c, tx);
	return check(&c, err);
}
