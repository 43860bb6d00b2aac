/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The single-policy shorthands of a transaction. */
#include <stdio.h>

#include "common/policy_proto.h"
#include "common/wire.h"
#include "server/service.h"

/* A transaction of one change on its way: what its answer is made from. */
struct pending {
	struct service *service;
	struct call *call;
	char name[POLICY_NAME_MAX + 1];
	struct service_warnings warnings;
};

/* `policy` is in force, or NULL: a dry run has made none. */
static void answer_policy(struct service *s, struct call *call, const struct store_policy *policy,
	uint64_t revision, const struct service_warnings *warnings)
{
	ProtobufCBinaryData status = {0};
	size_t size = 2 * WIRE_NUMBER_MAX;
	uint8_t *data, *end;

	for (size_t i = 0; i < warnings->count; i++)
		size += WIRE_NUMBER_MAX + strlen(warnings->list[i]);
	if (policy && service_policy_bytes(s, call, policy, &status) < 0) {
		service_fail_memory(call);
		return;
	}
	data = arena_alloc(call_arena(call), size + status.len);
	if (!data) {
		service_fail_memory(call);
		return;
	}
	end = policy ? wire_write_bytes(data, 1, status.data, status.len) : data;
	end = wire_write_number(end, 2, revision);
	for (size_t i = 0; i < warnings->count; i++)
		end = wire_write_bytes(end, 3, warnings->list[i], strlen(warnings->list[i]));
	call_reply_packed(call, data, (size_t)(end - data));
}

static void on_put(void *data, const struct store_result *result, struct error *err)
{
	struct pending *p = data;

	if (err)
		call_fail(p->call, err);
	else if (service_warn_result(call_arena(p->call), p->service, result, &p->warnings) < 0)
		service_fail_memory(p->call);
	else
		answer_policy(p->service, p->call, store_policy_find(p->service->store, p->name),
			result->revision, &p->warnings);
}

static void on_deleted(void *data, const struct store_result *result, struct error *err)
{
	struct pending *p = data;
	Pepctl__V1__DeletePolicyResponse *answer;

	if (err) {
		call_fail(p->call, err);
		return;
	}
	answer = SERVICE_MESSAGE(p->call, delete_policy_response);
	if (!answer ||
		service_warn_result(call_arena(p->call), p->service, result, &p->warnings) < 0) {
		service_fail_memory(p->call);
		return;
	}
	answer->revision = result->revision;
	answer->warnings = p->warnings.list;
	answer->n_warnings = p->warnings.count;
	call_reply(p->call, &answer->base);
}

/* Lives in the call's arena: as long as the call. */
static struct pending *pending_new(struct service *s, struct call *call, const char *name)
{
	struct pending *p = arena_zalloc(call_arena(call), sizeof(*p));

	if (!p) {
		service_fail_memory(call);
		return NULL;
	}
	p->service = s;
	p->call = call;
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

struct options {
	bool validate_only, force;
	const char *request_id;
	const ProtobufCMessage *request;
};
#define OPTIONS_OF(given)                                                                          \
	((struct options){                                                                         \
		(given)->validate_only, (given)->force, (given)->request_id, &(given)->base})

/* `given` is what the request says of the policy, NULL = nothing. */
static void submit(struct service *s, struct call *call, struct change *change,
	const Pepctl__V1__Policy *given, struct options options, store_done done)
{
	const char *name = change->kind == CHANGE_DELETE_POLICY ? change->name : change->policy.name;
	struct pending *p = pending_new(s, call, name);
	struct error err = ERROR_INIT;
	struct store_tx tx;

	service_tx_init(call, &tx);
	tx.path = given ? "policy" : "name";
	tx.validate_only = options.validate_only;
	tx.force = options.force;
	if (p && service_read_request_id(options.request_id, options.request, &tx, &err)) {
		change_deinit(change);
		call_fail(call, &err);
		return;
	}
	if (!p || (given && service_warn_policy(call_arena(call), given, &p->warnings) < 0) ||
		change_list_push(&tx.changes, change) < 0) {
		change_deinit(change);
		if (p)
			service_fail_memory(call);
		return;
	}
	store_submit(s->store, &tx, done, p);
}

static void create_policy(void *data, struct call *call)
{
	const Pepctl__V1__CreatePolicyRequest *request = call_request(call);
	struct error err = ERROR_INIT;
	struct change change;

	change_init(&change, CHANGE_CREATE_POLICY);
	if (policy_from_proto(request->policy, "policy", &change.policy, &err)) {
		call_fail(call, &err);
		return;
	}
	submit(data, call, &change, request->policy, OPTIONS_OF(request), on_put);
}

/* With a mask: what is in force with the named fields of the request. */
static int updated(struct service *s, const Pepctl__V1__UpdatePolicyRequest *request,
	struct policy *ret, struct error *err)
{
	const struct store_policy *old =
		request->policy ? store_policy_find(s->store, request->policy->name) : NULL;
	_cleanup_policy_ struct policy merged;
	struct policy given;
	int r;

	policy_init(&merged);
	if (request->policy && !old && !request->allow_missing)
		return error_set(err, ERROR_NOT_FOUND, "NO_POLICY", "there is no policy %s",
			request->policy->name);
	if (old && request->n_update_mask)
		r = policy_from_proto_partial(request->policy, "policy", &given, err);
	else
		r = policy_from_proto(request->policy, "policy", &given, err);
	if (r || !old || !request->n_update_mask) {
		if (!r)
			*ret = given;
		return r;
	}
	r = policy_copy(&old->policy, &merged);
	if (!r)
		r = policy_merge(&merged, &given, request->update_mask, request->n_update_mask, err);
	policy_deinit(&given);
	if (r)
		return r;
	*ret = merged;
	policy_init(&merged);
	return 0;
}

static void update_policy(void *data, struct call *call)
{
	const Pepctl__V1__UpdatePolicyRequest *request = call_request(call);
	struct error err = ERROR_INIT;
	struct change change;

	change_init(&change, CHANGE_PUT_POLICY);
	if (updated(data, request, &change.policy, &err)) {
		call_fail(call, &err);
		return;
	}
	submit(data, call, &change, request->policy, OPTIONS_OF(request), on_put);
}

static void delete_policy(void *data, struct call *call)
{
	const Pepctl__V1__DeletePolicyRequest *request = call_request(call);
	struct error err = ERROR_INIT;
	struct change change;

	change_init(&change, CHANGE_DELETE_POLICY);
	change.allow_missing = request->allow_missing;
	if (!policy_name_valid(request->name)) {
		error_violation(&err, "name", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]",
			request->name, POLICY_NAME_MAX);
		call_fail(call, &err);
		return;
	}
	snprintf(change.name, sizeof(change.name), "%s", request->name);
	submit(data, call, &change, NULL, OPTIONS_OF(request), on_deleted);
}

static void get_policy(void *data, struct call *call)
{
	const Pepctl__V1__GetPolicyRequest *request = call_request(call);
	struct service *s = data;
	const struct store_policy *policy = store_policy_find(s->store, request->name);
	struct service_warnings none = {0};
	struct error err = ERROR_INIT;

	if (!policy) {
		error_set(&err, ERROR_NOT_FOUND, "NO_POLICY", "there is no policy %.80s", request->name);
		call_fail(call, &err);
		return;
	}
	answer_policy(s, call, policy, store_revision(s->store), &none);
}

void service_policy_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_CREATE_POLICY, create_policy, s);
	rpc_handle(s->rpc, METHOD_UPDATE_POLICY, update_policy, s);
	rpc_handle(s->rpc, METHOD_DELETE_POLICY, delete_policy, s);
	rpc_handle(s->rpc, METHOD_GET_POLICY, get_policy, s);
}
