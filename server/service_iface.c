/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/service.h"

struct pending {
	struct service *service;
	struct call *call;
	char iface[IFACE_NAME_SIZE];
	struct service_warnings warnings;
};

static Pepctl__V1__Interface *iface_message(struct call *call, const struct datapath_iface *iface)
{
	Pepctl__V1__Interface *m = SERVICE_MESSAGE(call, interface);

	if (!m)
		return NULL;
	m->name = arena_strdup(call_arena(call), iface->name);
	m->reason = arena_strdup(call_arena(call), iface->reason);
	m->driver = arena_strdup(call_arena(call), iface->driver);
	m->pattern = arena_strdup(call_arena(call), iface->pattern);
	m->ifindex = iface->ifindex;
	m->requested_mode = (Pepctl__V1__AttachMode)iface->requested;
	m->mode = (Pepctl__V1__AttachMode)iface->mode;
	m->program_id = iface->program_id;
	m->attached_since_time = iface->attached_since;
	m->state = (Pepctl__V1__InterfaceState)iface->state;
	return m->name && m->reason && m->driver && m->pattern ? m : NULL;
}

/* Success is told with what an admin should know: generic mode, stripped tags. */
static int add_warnings(struct call *call, const struct datapath_iface *iface,
	const struct service_warnings *more, Pepctl__V1__AttachInterfaceResponse *answer)
{
	answer->warnings =
		arena_array(call_arena(call), 2 + more->count, sizeof(*answer->warnings));
	if (!answer->warnings)
		return -1;
	for (size_t i = 0; i < more->count; i++)
		answer->warnings[answer->n_warnings++] = more->list[i];
	if (iface->reason[0])
		answer->warnings[answer->n_warnings++] = arena_printf(call_arena(call),
			"%s is attached in generic mode: %s", iface->name, iface->reason);
	if (iface->warning[0])
		answer->warnings[answer->n_warnings++] =
			arena_strdup(call_arena(call), iface->warning);
	for (size_t i = 0; i < answer->n_warnings; i++)
		if (!answer->warnings[i])
			return -1;
	return 0;
}

static bool add_matched(struct pending *p, Pepctl__V1__AttachInterfaceResponse *answer)
{
	const struct datapath *dp = p->service->datapath;
	size_t count = datapath_iface_count(dp);

	answer->warnings = p->warnings.list;
	answer->n_warnings = p->warnings.count;
	answer->matched = arena_array(call_arena(p->call), count, sizeof(*answer->matched));
	for (size_t i = 0; answer->matched && i < count; i++) {
		const struct datapath_iface *iface = datapath_iface(dp, i);

		if (!streq(iface->pattern, p->iface))
			continue;
		answer->matched[answer->n_matched] = iface_message(p->call, iface);
		if (!answer->matched[answer->n_matched++])
			return false;
	}
	return answer->matched;
}

static void answer_attached(
	struct pending *p, const struct datapath_iface *iface, uint64_t revision)
{
	Pepctl__V1__AttachInterfaceResponse *answer =
		SERVICE_MESSAGE(p->call, attach_interface_response);
	bool fine = answer;

	if (fine && iface_pattern_valid(p->iface))
		fine = add_matched(p, answer);
	else if (fine && iface)
		fine = (answer->interface = iface_message(p->call, iface)) &&
		       add_warnings(p->call, iface, &p->warnings, answer) == 0;
	if (!fine) {
		service_fail_memory(p->call);
		return;
	}
	answer->revision = revision;
	call_reply(p->call, &answer->base);
}

static void on_attached(void *data, const struct store_result *result, struct error *err)
{
	struct pending *p = data;
	const struct datapath_iface *iface =
		err ? NULL : datapath_iface_by_name(p->service->datapath, p->iface);
	struct error off = ERROR_INIT;

	/* The ruleset has it already, and that could not be done now either. */
	if (iface && iface->state == DATAPATH_ABSENT)
		error_set(&off, ERROR_NOT_FOUND, "NO_INTERFACE", "%s", iface->reason);
	else if (iface && iface->state == DATAPATH_FAILED)
		error_set(&off, ERROR_PRECONDITION, "NOT_ATTACHED", "%s", iface->reason);
	if (err || error_is_set(&off))
		call_fail(p->call, err ? err : &off);
	else if (service_warn_result(call_arena(p->call), p->service, result, &p->warnings) < 0 ||
		 service_warn_veths(call_arena(p->call), p->service, p->iface, &p->warnings) < 0)
		service_fail_memory(p->call);
	else
		answer_attached(p, iface, result->revision);
}

static void on_detached(void *data, const struct store_result *result, struct error *err)
{
	struct pending *p = data;
	const struct store_attachment *pattern;
	Pepctl__V1__DetachInterfaceResponse *answer;
	struct arena *arena = call_arena(p->call);

	if (err) {
		call_fail(p->call, err);
		return;
	}
	answer = SERVICE_MESSAGE(p->call, detach_interface_response);
	pattern = store_config_pattern(store_config(p->service->store), p->iface);
	if (!answer || (pattern && service_warn_stays(arena, p->iface, pattern->iface, &p->warnings) < 0) ||
		service_warn_result(arena, p->service, result, &p->warnings) < 0) {
		service_fail_memory(p->call);
		return;
	}
	answer->revision = result->revision;
	answer->warnings = p->warnings.list;
	answer->n_warnings = p->warnings.count;
	call_reply(p->call, &answer->base);
}

static void submit(struct service *s, struct call *call, struct change *change, const char *iface,
	bool force, store_done done)
{
	struct pending *p = arena_zalloc(call_arena(call), sizeof(*p));
	struct error err = ERROR_INIT;
	struct store_tx tx;

	if (!iface_or_pattern_valid(iface)) {
		error_violation(&err, "iface", "\"%.40s\" is no interface name", iface);
		call_fail(call, &err);
		return;
	}
	snprintf(change->iface, sizeof(change->iface), "%s", iface);
	service_tx_init(call, &tx);
	tx.path = "iface";
	tx.force = force;
	if (!p || change_list_push(&tx.changes, change) < 0) {
		service_fail_memory(call);
		return;
	}
	p->service = s;
	p->call = call;
	memcpy(p->iface, tx.changes.items[0].iface, sizeof(p->iface));
	store_submit(s->store, &tx, done, p);
}

static void attach_interface(void *data, struct call *call)
{
	const Pepctl__V1__AttachInterfaceRequest *request = call_request(call);
	struct error err = ERROR_INIT;
	struct change change;

	if ((unsigned int)request->mode > ATTACH_OFFLOAD) {
		error_violation(&err, "mode", "%d is no AttachMode", (int)request->mode);
		call_fail(call, &err);
		return;
	}
	change_init(&change, CHANGE_ATTACH);
	change.mode = (enum attach_mode)request->mode;
	submit(data, call, &change, request->iface, request->force, on_attached);
}

static void detach_interface(void *data, struct call *call)
{
	const Pepctl__V1__DetachInterfaceRequest *request = call_request(call);
	struct change change;

	change_init(&change, CHANGE_DETACH);
	change.allow_missing = request->allow_missing;
	/* Forced: where nothing is filtered any more nobody is locked out. */
	submit(data, call, &change, request->iface, true, on_detached);
}

static bool add_wanted(const struct service *s, struct call *call,
	Pepctl__V1__ListInterfacesResponse *answer)
{
	const struct store_config *c = store_config(s->store);

	answer->wanted = arena_array(call_arena(call), c->attachment_count, sizeof(*answer->wanted));
	for (size_t i = 0; answer->wanted && i < c->attachment_count; i++) {
		Pepctl__V1__Attachment *m = SERVICE_MESSAGE(call, attachment);

		if (!m || !(m->iface = arena_strdup(call_arena(call), c->attachments[i].iface)))
			return false;
		m->mode = (Pepctl__V1__AttachMode)c->attachments[i].mode;
		answer->wanted[answer->n_wanted++] = m;
	}
	return answer->wanted;
}

static void list_interfaces(void *data, struct call *call)
{
	Pepctl__V1__ListInterfacesResponse *answer = SERVICE_MESSAGE(call, list_interfaces_response);
	struct service *s = data;
	size_t count;

	s->refresh(s->interfaces);
	count = datapath_iface_count(s->datapath);
	if (answer)
		answer->interfaces = arena_array(call_arena(call), count, sizeof(*answer->interfaces));
	for (size_t i = 0; answer && answer->interfaces && i < count; i++) {
		answer->interfaces[i] = iface_message(call, datapath_iface(s->datapath, i));
		answer->n_interfaces += answer->interfaces[i] != NULL;
	}
	if (!answer || !answer->interfaces || answer->n_interfaces < count ||
		!add_wanted(s, call, answer))
		service_fail_memory(call);
	else
		call_reply(call, &answer->base);
}

void service_iface_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_ATTACH_INTERFACE, attach_interface, s);
	rpc_handle(s->rpc, METHOD_DETACH_INTERFACE, detach_interface, s);
	rpc_handle(s->rpc, METHOD_LIST_INTERFACES, list_interfaces, s);
}
