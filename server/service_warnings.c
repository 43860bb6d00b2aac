/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What was done as asked, and yet may not be what was meant: interfaces that do not exist now. */
#include <net/if.h>

#include "server/service.h"

#define WARNINGS_MAX 20u

static int warn(struct call *call, struct service_warnings *w, char *text)
{
	if (!text)
		return -1;
	for (size_t i = 0; i < w->count; i++)
		if (streq(w->list[i], text))
			return 0;
	if (!w->list)
		w->list = arena_array(call_arena(call), WARNINGS_MAX, sizeof(*w->list));
	if (!w->list)
		return -1;
	if (w->count < WARNINGS_MAX)
		w->list[w->count++] = text;
	return 0;
}

static bool is_absent(const char *iface)
{
	return *iface && !if_nametoindex(iface);
}

int service_warn_default(struct call *call, const Pepctl__V1__InterfaceDefault *m,
	struct service_warnings *w)
{
	if (m->unset || !is_absent(m->iface))
		return 0;
	return warn(call, w, arena_printf(call_arena(call),
				     "there is no interface %s now; its default counts once it is attached",
				     m->iface));
}

int service_warn_policy(struct call *call, const Pepctl__V1__Policy *m, struct service_warnings *w)
{
	const Pepctl__V1__Redirect *to = m->action ? m->action->redirect : NULL;
	int r = 0;

	for (size_t i = 0; !r && to && i < to->n_targets; i++)
		if (is_absent(to->targets[i]->iface))
			r = warn(call, w, arena_printf(call_arena(call),
						  "there is no interface %s now; what policy %s redirects "
						  "to it is dropped until there is",
						  to->targets[i]->iface, m->name));
	for (size_t i = 0; !r && m->match && i < m->match->n_iface; i++)
		if (is_absent(m->match->iface[i]))
			r = warn(call, w, arena_printf(call_arena(call),
						  "there is no interface %s now; policy %s matches nothing "
						  "there until it is attached",
						  m->match->iface[i], m->name));
	return r;
}
