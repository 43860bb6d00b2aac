/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the store's lock-out check asks: the kernel's connections, and the packet program. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "server/daemon.h"

static int sessions(void *data, const uint16_t *ports, size_t count, const char *const *ifaces,
	size_t iface_count, struct sock_diag *ret)
{
	int r = session_list_read(
		&((struct daemon *)data)->sessions, ports, count, ifaces, iface_count, ret);

	if (ret->cut)
		log_warn("there are more than %zu connections to protected ports; the others were "
			 "not asked about",
			ret->most);
	return r;
}

/* News of interfaces wait while the worker runs, so what is attached stays as it is. */
static size_t ifaces(void *data, const char *name, struct store_iface *ret, size_t room)
{
	struct if_nameindex *all = if_nameindex();
	const struct daemon *d = data;
	size_t count = 0;

	for (size_t i = 0; all && all[i].if_index && count < room; i++) {
		if (!datapath_means(name, &all[i]))
			continue;
		snprintf(ret[count].name, sizeof(ret[count].name), "%s", all[i].if_name);
		ret[count++].filtered = datapath_in_place(d->datapath, all[i].if_name);
	}
	if (all)
		if_freenameindex(all);
	return count;
}

static int judge(void *data, const struct flow *flow, const char *iface, bool next,
	struct store_verdict *ret)
{
	struct datapath *dp = ((struct daemon *)data)->datapath;
	uint64_t generation = next ? datapath_generation(dp) + 1 : 0;
	struct datapath_explained facts = {0};
	uint8_t frame[FLOW_BYTES_MAX];
	struct pep_explain answer;
	int r = datapath_explain(dp, frame, flow_build(flow, frame), generation, iface, &answer);

	if (r)
		return r;
	if (answer.ruling.action != PEP_ACTION_ALLOW)
		datapath_explained(dp, &answer, &facts);
	*ret = (struct store_verdict){
		.action = (enum policy_action_kind)answer.ruling.action,
		.by_default =
			answer.ruling.reason == PEP_REASON_DEFAULT && !answer.packet.discovery,
		.passes = answer.ruling.action == PEP_ACTION_ALLOW || facts.passes,
	};
	snprintf(ret->policy, sizeof(ret->policy), "%s", facts.policy);
	return 0;
}

void daemon_protect(struct store_backend *ret)
{
	ret->sessions = sessions;
	ret->ifaces = ifaces;
	ret->judge = judge;
}
