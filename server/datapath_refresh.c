/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What has become of interfaces without the daemon: they come, go, change their names, lose the
 * program. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "server/datapath_internal.h"
#include "server/datapath_link.h"

static void take_off(struct datapath *dp, struct attachment *a)
{
	iface_gone(dp, a, DATAPATH_FAILED);
	a->taken_off = true;
	snprintf(a->public.reason, sizeof(a->public.reason),
		"detached by someone else; pepctl iface attach %s puts it back", a->public.name);
}

/* The link has no interface any more, but the interface is there. */
static bool was_detached(const struct attachment *a)
{
	return !link_ifindex(a->link) && if_nametoindex(a->public.name) == a->public.ifindex;
}

/* What has the name is filtered: one that has lost it is let go, with its link. */
static void let_go(struct datapath *dp, struct attachment *a)
{
	char now[IF_NAMESIZE];
	bool renamed = if_indextoname(a->public.ifindex, now) && !streq(now, a->public.name);

	iface_gone(dp, a, DATAPATH_ABSENT);
	snprintf(a->public.reason, sizeof(a->public.reason), "the interface %s%s",
		renamed ? "is renamed " : "is gone", renamed ? now : "");
}

static bool refresh_one(struct datapath *dp, struct attachment *a)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	enum datapath_iface_state state = a->public.state;
	int r;

	if (iface_in_place(a))
		return false;
	if (a->public.pattern[0] && !if_nametoindex(a->public.name)) {
		let_go(dp, a);
		return true;
	}
	if (a->taken_off)
		return false;
	if (state == DATAPATH_ATTACHED && was_detached(a)) {
		take_off(dp, a);
		return true;
	}
	if (state == DATAPATH_ATTACHED)
		let_go(dp, a);
	r = iface_try(dp, a, &err);
	if (r == -ENOENT)
		return state == DATAPATH_ATTACHED;
	if (r) {
		a->public.state = DATAPATH_FAILED;
		snprintf(a->public.reason, sizeof(a->public.reason), "%s", error_message(&err));
		return state != DATAPATH_FAILED;
	}
	return true;
}

/* Whether something went that a pattern had found: it wants nothing that is not there. */
static bool refresh_listed(
	struct datapath *dp, void (*cb)(void *data, const struct datapath_iface *iface), void *data)
{
	bool dropped = false;

	for (size_t i = 0; i < dp->attachment_count;) {
		struct attachment *a = dp->attachments[i];

		if (refresh_one(dp, a) && cb)
			cb(data, &a->public);
		if (a->public.pattern[0] && a->public.state == DATAPATH_ABSENT) {
			iface_drop(dp, a);
			dropped = true;
		} else {
			i++;
		}
	}
	return dropped;
}

void datapath_refresh(
	struct datapath *dp, void (*cb)(void *data, const struct datapath_iface *iface), void *data)
{
	if (refresh_listed(dp, cb, data))
		refresh_listed(dp, cb, data); /* there is room for others now */
	patterns_refresh(dp, cb, data);
	redirects_fill(dp);
}
