/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The lock-out check. Before a change comes into force, the packet program is asked
 * what the prepared ruleset makes of every connection to a protected port, as a packet
 * of it and as the first of a new one, and of the flows that the request lists, on each
 * interface that is or will be filtered. What would not get through, and does now, is
 * refused. Connections come from the kernel, with the VLAN tags that their packets have
 * on each of the interfaces: who asks for the change may be anybody's child, with an
 * environment that tells nothing of a session.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/policy_store_findings.h"

struct target {
	char iface[IFACE_NAME_SIZE];
	bool open; /* nothing is filtered there now */
};

struct check {
	struct store *s;
	bool next; /* by the prepared ruleset */
	struct target targets[2 * STORE_ATTACHMENTS_MAX]; /* by name, also absent ones, and by pattern */
	size_t target_count;
	struct findings findings;
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

/* --- all questions */

static void found(struct check *c, const struct target *target, const struct store_verdict *verdict,
	const struct flow *flow, const char *what)
{
	findings_add(&c->findings, target->iface, target->open, verdict, flow, what);
}

/* As a packet of it, or else as the first of a new one; whether either is cut off. */
static bool ask_connection(struct check *c, const struct flow *flow, const struct target *target)
{
	struct store_verdict verdict;
	struct flow first = *flow;

	first.tcp_flags = TH_SYN;
	if (is_cut_off(c, flow, target, &verdict))
		found(c, target, &verdict, flow, "the established connection");
	else if (is_cut_off(c, &first, target, &verdict))
		found(c, target, &verdict, &first, "a new connection like the established one");
	else
		return false;
	return true;
}

static struct flow tagged(const struct flow *flow, const struct way *way)
{
	struct flow ret = *flow;

	ret.has_vlan = true;
	ret.vlan = way->vlan[0];
	ret.has_inner = way->tags > 1;
	ret.inner = way->vlan[1];
	return ret;
}

/* Without a tag on each interface: a card may take it off. Then with those that it has there. */
static void ask_session(struct check *c, const struct sock_diag *list, const struct session *session,
	const struct target *target)
{
	bool cut;

	if (session->loopback != streq(target->iface, "lo"))
		return;
	cut = ask_connection(c, &session->flow, target);
	for (size_t i = 0; !cut && i < session->way_count; i++) {
		const struct way *way = &list->ways.items[session->way + i];
		struct flow flow = tagged(&session->flow, way);

		cut = streq(way->iface, target->iface) && ask_connection(c, &flow, target);
	}
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
	const char *ifaces[ARRAY_SIZE(c->targets)];
	uint16_t ports[2 * SETTING_PORTS_MAX];
	struct store *s = c->s;
	size_t count = ports_of(s, ports);
	int r;

	if (!count || !may_cut_off(c, ports, count))
		return 0;
	for (size_t i = 0; i < c->target_count; i++)
		ifaces[i] = c->targets[i].iface;
	r = s->backend.sessions(s->backend.data, ports, count, ifaces, c->target_count, ret);
	s->protect_cut |= ret->cut;
	return r ? error_set(err, ERROR_PRECONDITION, "NO_SOCK_DIAG",
			   "the connections that the change may cut off cannot be listed: %s%s; "
			   "force the change (--force), with protect-ports none for good",
			   strerror(-r),
			   r == -ENOENT || r == -EOPNOTSUPP ? " (a kernel without tcp_diag)" : "")
		 : 0;
}

static int check(struct check *c, struct error *err)
{
	_cleanup_sock_diag_ struct sock_diag list = {.most = STORE_SESSIONS_MAX};
	int r = c->target_count ? list_sessions(c, &list, err) : 0;

	for (size_t t = 0; !r && t < c->target_count; t++) {
		for (size_t i = 0; i < list.count; i++)
			ask_session(c, &list, &list.sessions[i], &c->targets[t]);
		for (const struct tx *tx = c->s->batch; tx; tx = tx->next)
			ask_listed(c, tx, &c->targets[t]);
	}
	if (c->error)
		return error_set(err, ERROR_PRECONDITION, "KERNEL_REFUSED",
			"the kernel refuses to run the packet program on a connection that the "
			"change "
			"may cut off: %s",
			strerror(-c->error));
	return r ? r : findings_refuse(&c->findings, c->s->batch, err);
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
