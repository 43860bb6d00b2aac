/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ApplyChanges and RollbackRevision: the transaction, and what all of its requests share. */
#include <errno.h>
#include <stdio.h>

#include "common/flow.h"
#include "common/policy_proto.h"
#include "common/wirecheck.h"
#include "server/service_apply.h"

#define WARNINGS_BUDGET (64u << 10) /* bytes of those of one transaction */

int service_read_mode(Pepctl__V1__ApplyMode mode, enum store_mode *ret, struct error *err)
{
	if (mode != PEPCTL__V1__APPLY_MODE__MODE_MERGE &&
		mode != PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL)
		return error_violation(err, "mode", "%d is no ApplyMode", (int)mode);
	*ret = mode == PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL ? STORE_REPLACE_ALL : STORE_MERGE;
	return 0;
}

static int read_protect(const struct apply_options *o, struct store_tx *ret, struct error *err)
{
	int r = 0;

	if (o->protect_count > STORE_PROTECT_MAX)
		return error_violation(err, "protect", "%zu flows; at most %u", o->protect_count,
			STORE_PROTECT_MAX);
	ret->protect = calloc(o->protect_count + 1, sizeof(*ret->protect));
	if (!ret->protect)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	ret->protect_count = o->protect_count;
	for (size_t i = 0; i < o->protect_count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "protect[%zu]", i);
		if (flow_from_proto(o->protect[i], path, &ret->protect[i], err))
			r = -EINVAL;
	}
	return r;
}

int service_read_apply(const struct apply_options *o, struct store_tx *ret, struct error *err)
{
	if (service_read_mode(o->mode, &ret->mode, err))
		return -EINVAL;
	if (wirecheck_has_control(o->comment))
		return error_violation(err, "comment", "has a control character");
	if (strlen(o->comment) > 255)
		return error_violation(
			err, "comment", "%zu bytes; at most 255", strlen(o->comment));
	if (o->confirm_timeout < 0 || o->confirm_timeout > STORE_CONFIRM_MAX)
		return error_violation(err, "confirm_timeout_nano", "%lld ns; 0 to 7 days",
			(long long)o->confirm_timeout);
	if (o->confirm_timeout && o->validate_only)
		return error_violation(err, "confirm_timeout_nano", "a dry run has nothing to confirm");
	ret->confirm_timeout = o->confirm_timeout;
	ret->has_expected = o->has_expected;
	ret->expected = o->expected;
	ret->validate_only = o->validate_only;
	ret->force = o->force;
	ret->comment = o->comment;
	return read_protect(o, ret, err);
}

int service_read_operations(Pepctl__V1__Operation *const *operations, size_t count,
	struct change_list *list, struct error *err)
{
	size_t first = list->count;
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct change change;
		char path[40];

		snprintf(path, sizeof(path), "operations[%zu]", first + i);
		if (change_from_proto(operations[i], path, &change, err)) {
			failed = -EINVAL;
			continue;
		}
		if (change_list_push(list, &change) < 0) {
			change_deinit(&change);
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		}
	}
	return failed;
}

/* What was done as asked, and yet may not be what was meant. */
int service_apply_warnings(
	struct apply *a, Pepctl__V1__Operation *const *operations, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		const Pepctl__V1__Operation *m = operations[i];

		if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_CREATE_POLICY)
			r = service_warn_policy(&a->arena, m->create_policy, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_PUT_POLICY)
			r = service_warn_policy(&a->arena, m->put_policy, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION)
			r = service_warn_default(&a->arena, m->default_action, &a->warnings);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_ATTACH)
			r = service_warn_attach(&a->arena, m->attach, &a->warnings);
	}
	return r ? error_set(err, ERROR_LIMIT, "MEMORY", "out of memory") : 0;
}

/* --- from the request to the answer */

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

void service_apply_untimed(struct apply *a)
{
	if (a->timer)
		uv_close((uv_handle_t *)TAKE_PTR(a->timer), on_timer_closed);
}

struct apply *service_apply_new(struct service *s, struct call *call)
{
	struct apply *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->service = s;
	a->call = call;
	arena_init(&a->arena, WARNINGS_BUDGET);
	service_tx_init(call, &a->tx);
	return a;
}

void service_apply_free(struct apply *a)
{
	service_apply_untimed(a);
	quota_release(&a->service->apply_quota, a->tx.author.uid, a->held);
	change_list_deinit(&a->tx.changes);
	free(a->tx.protect);
	arena_deinit(&a->arena);
	free(a->comment);
	free(a->request_id);
	free(a);
}

static Pepctl__V1__ApplyChangesResponse *answer_of(
	const struct apply *a, const struct store_result *result)
{
	Pepctl__V1__ApplyChangesResponse *answer = SERVICE_MESSAGE(a->call, apply_changes_response);

	if (!answer)
		return NULL;
	answer->effects =
		arena_array(call_arena(a->call), result->effect_count, sizeof(*answer->effects));
	if (!answer->effects)
		return NULL;
	for (size_t i = 0; i < result->effect_count; i++)
		answer->effects[i] = (Pepctl__V1__OperationEffect)result->effects[i];
	answer->n_effects = result->effect_count;
	answer->revision = result->revision;
	answer->changes = (char **)(uintptr_t)result->lines;
	answer->n_changes = result->line_count;
	answer->changes_total = result->line_total;
	answer->warnings = a->warnings.list;
	answer->n_warnings = a->warnings.count;
	answer->policies_created = result->policies.created;
	answer->policies_changed = result->policies.changed;
	answer->policies_deleted = result->policies.deleted;
	answer->confirm_left_nano = result->confirm_left;
	answer->repeated = result->repeated;
	return answer;
}

/* The request has been taken over: the whole arena of the call is there for the answer. */
void service_on_applied(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__ApplyChangesResponse *answer;
	struct apply *a = data;
	struct call *call = a->call;

	if (err) {
		service_apply_free(a);
		call_fail(call, err);
		return;
	}
	arena_reset(call_arena(call));
	answer = service_warn_result(&a->arena, a->service, result, &a->warnings) < 0
			 ? NULL
			 : answer_of(a, result);
	if (answer)
		call_reply(call, &answer->base);
	else
		service_fail_memory(call);
	service_apply_free(a);
}

static void apply_changes(void *data, struct call *call)
{
	const Pepctl__V1__ApplyChangesRequest *request = call_request(call);
	const struct apply_options options = APPLY_OPTIONS(request);
	struct error err = ERROR_INIT;
	struct apply *a = service_apply_new(data, call);

	if (!a) {
		service_fail_memory(call);
		return;
	}
	if (service_read_apply(&options, &a->tx, &err) ||
		service_read_request_id(request->request_id, &request->base, &a->tx, &err) ||
		service_read_operations(request->operations, request->n_operations, &a->tx.changes, &err) ||
		service_apply_warnings(a, request->operations, request->n_operations, &err)) {
		service_apply_free(a);
		call_fail(call, &err);
		return;
	}
	store_submit(a->service->store, &a->tx, service_on_applied, a);
}

static void rollback(void *data, struct call *call)
{
	const Pepctl__V1__RollbackRevisionRequest *request = call_request(call);
	const struct apply_options options = ROLLBACK_OPTIONS(request);
	struct error err = ERROR_INIT;
	struct apply *a = service_apply_new(data, call);

	if (!a) {
		service_fail_memory(call);
		return;
	}
	a->tx.kind = STORE_ROLLBACK;
	a->tx.target = request->revision;
	if (service_read_apply(&options, &a->tx, &err) ||
		service_read_request_id(request->request_id, &request->base, &a->tx, &err)) {
		service_apply_free(a);
		call_fail(call, &err);
		return;
	}
	store_submit(a->service->store, &a->tx, service_on_applied, a);
}

void service_apply_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_APPLY_CHANGES, apply_changes, s);
	rpc_handle(s->rpc, METHOD_ROLLBACK_REVISION, rollback, s);
}
