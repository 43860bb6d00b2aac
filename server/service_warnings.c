/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was done as asked, and yet may not be what was meant. */
#include <net/if.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/service.h"
#include "server/veth.h"

#define WARNINGS_MAX 20u

/* Takes memory only of what is kept. */
PRINTF_LIKE(3, 4)
static int warn(struct arena *arena, struct service_warnings *w, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (size_t i = 0; i < w->count; i++)
		if (streq(w->list[i], text))
			return 0;
	if (!w->list)
		w->list = arena_array(arena, WARNINGS_MAX, sizeof(*w->list));
	if (!w->list || !(w->list[w->count] = arena_strdup(arena, text)))
		return -1;
	w->count++;
	return 0;
}

static bool is_absent(const struct service_warnings *w, const char *iface)
{
	return w->count < WARNINGS_MAX && *iface && !if_nametoindex(iface);
}

int service_warn_attach(struct arena *arena, const Pepctl__V1__Attachment *m, struct service_warnings *w)
{
	w->sends_back = true;
	if (iface_pattern_valid(m->iface) || !is_absent(w, m->iface))
		return 0;
	return warn(arena, w, "there is no interface %s now; it is attached when it appears", m->iface);
}

int service_warn_stays(struct arena *arena, const char *iface, const char *pattern,
	struct service_warnings *w)
{
	if (iface_pattern_valid(iface))
		return 0;
	return warn(arena, w, "%s stays attached: the pattern %s matches it", iface, pattern);
}

int service_warn_default(struct arena *arena, const Pepctl__V1__InterfaceDefault *m,
	struct service_warnings *w)
{
	if (m->unset || !is_absent(w, m->iface))
		return 0;
	return warn(arena, w, "there is no interface %s now; its default counts once it is attached",
		m->iface);
}

/* Many policies may redirect to it. */
static int warn_veth(struct arena *arena, const char *iface, struct service_warnings *w)
{
	enum veth_end end;

	if (w->count == WARNINGS_MAX || streq(w->fine, iface))
		return 0;
	end = veth_end_of(iface);
	if (end == VETH_NONE || end == VETH_PROGRAM) {
		snprintf(w->fine, sizeof(w->fine), "%.*s", IFACE_NAME_SIZE - 1, iface);
		return 0;
	}
	return warn(arena, w,
		"what is redirected to %s from an interface in native mode is lost unless the other end of this "
		"veth has GRO on or an XDP program",
		iface);
}

int service_warn_policy(struct arena *arena, const Pepctl__V1__Policy *m, struct service_warnings *w)
{
	const Pepctl__V1__Action *action = m->shadow ? NULL : m->action; /* of a shadow policy none is done */
	const Pepctl__V1__Redirect *to = action ? action->redirect : NULL;
	int r = 0;

	w->has_vlan |= m->match && m->match->vlan_present_case == PEPCTL__V1__MATCH__VLAN_PRESENT_VLAN;
	w->sends_back |= action && (action->kind == PEPCTL__V1__ACTION_KIND__ACTION_REJECT ||
					   action->kind == PEPCTL__V1__ACTION_KIND__ACTION_REFLECT);
	for (size_t i = 0; !r && to && i < to->n_targets; i++)
		if (is_absent(w, to->targets[i]->iface))
			r = warn(arena, w,
				"there is no interface %s now; what policy %s redirects to it %s until there is",
				to->targets[i]->iface, m->name,
				to->n_targets > 1 ? "goes to its other interfaces" : "is dropped");
		else
			r = warn_veth(arena, to->targets[i]->iface, w);
	for (size_t i = 0; !r && m->match && i < m->match->n_iface; i++)
		if (is_absent(w, m->match->iface[i]))
			r = warn(arena, w,
				"there is no interface %s now; policy %s matches nothing there until it is attached",
				m->match->iface[i], m->name);
	return r;
}

/* --- what XDP sends through a veth */

static bool sends_back(const struct store_policy *p, const char *iface)
{
	const struct policy_match *m = &p->policy.match;
	bool there = !m->iface_count;

	if (p->policy.shadow ||
		(p->policy.action.kind != POLICY_REJECT && p->policy.action.kind != POLICY_REFLECT))
		return false;
	for (size_t i = 0; !there && i < m->iface_count; i++)
		there = streq(m->ifaces[i], iface);
	return there;
}

static bool is_sent_back(struct service *s, const char *iface)
{
	size_t at = 0;

	while (at < store_policy_count(s->store) && !sends_back(store_policy_at(s->store, at), iface))
		at++;
	return at < store_policy_count(s->store);
}

int service_warn_veths(
	struct arena *arena, struct service *s, const char *name, struct service_warnings *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < datapath_iface_count(s->datapath) && w->count < WARNINGS_MAX; i++) {
		const struct datapath_iface *at = datapath_iface(s->datapath, i);

		if (at->state != DATAPATH_ATTACHED || at->mode != ATTACH_NATIVE ||
			!streq(at->driver, "veth") || (name && !iface_pattern_matches(name, at->name)) ||
			!is_sent_back(s, at->name) || veth_end_of(at->name) == VETH_PROGRAM)
			continue;
		r = warn(arena, w,
			"what policies reject or reflect on %s is lost on its way back unless the other end of "
			"this veth has an XDP program; load one there, or attach %s in generic mode",
			at->name, at->name);
	}
	return r;
}

/* --- what came of it */

static int warn_stripped(struct arena *arena, struct service *s, struct service_warnings *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < datapath_iface_count(s->datapath) && w->count < WARNINGS_MAX; i++) {
		const struct datapath_iface *at = datapath_iface(s->datapath, i);

		if (at->state == DATAPATH_ATTACHED && *at->warning)
			r = warn(arena, w, "vlan matches nothing there: %s", at->warning);
	}
	return r;
}

int service_warn_result(struct arena *arena, struct service *s, const struct store_result *result,
	struct service_warnings *w)
{
	int r = 0;

	if (result->protect_cut && w->count < WARNINGS_MAX)
		r = warn(arena, w,
			"there are more than %u connections to protected ports (setting protect-ports), or "
			"more than %u interfaces; whether the others are cut off was not asked",
			STORE_SESSIONS_MAX, 2 * STORE_ATTACHMENTS_MAX);
	for (uint8_t id = 0; !r && id < STORE_SETS_MAX && w->count < WARNINGS_MAX; id++) {
		const struct store_set *set =
			result->unguarded >> id & 1 ? store_set_at(s->store, id) : NULL;

		if (set)
			r = warn(arena, w,
				"no policy keeps out any more what set %s has, and bans into it are refused; "
				"add one, as: pepctl policy add NAME block src @%s",
				set->name, set->name);
	}
	if (!r && w->has_vlan)
		r = warn_stripped(arena, s, w);
	return r || !w->sends_back ? r : service_warn_veths(arena, s, NULL, w);
}
