/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ApplyChanges: the transaction. */
#include <stdio.h>

#include "common/policy_proto.h"
#include "server/service.h"

static int add_warnings(struct call *call, Pepctl__V1__ApplyChangesResponse *answer)
{
	const Pepctl__V1__ApplyChangesRequest *request = call_request(call);
	struct service_warnings w = {0};
	int r = 0;

	for (size_t i = 0; !r && i < request->n_operations; i++) {
		const Pepctl__V1__Operation *m = request->operations[i];

		if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_CREATE_POLICY)
			r = service_warn_policy(call, m->create_policy, &w);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_PUT_POLICY)
			r = service_warn_policy(call, m->put_policy, &w);
		else if (m->operation_case == PEPCTL__V1__OPERATION__OPERATION_DEFAULT_ACTION)
			r = service_warn_default(call, m->default_action, &w);
	}
	answer->warnings = w.list;
	answer->n_warnings = w.count;
	return r;
}

static Pepctl__V1__ApplyChangesResponse *answer_of(struct call *call,
	const struct store_result *result)
{
	Pepctl__V1__ApplyChangesResponse *answer = SERVICE_MESSAGE(call, apply_changes_response);

	if (!answer)
		return NULL;
	answer->effects =
		arena_array(call_arena(call), result->effect_count, sizeof(*answer->effects));
	if (!answer->effects)
		return NULL;
	for (size_t i = 0; i < result->effect_count; i++)
		answer->effects[i] = (Pepctl__V1__OperationEffect)result->effects[i];
	answer->n_effects = result->effect_count;
	answer->revision = result->revision;
	answer->changes = (char **)(uintptr_t)result->lines;
	answer->n_changes = result->line_count;
	answer->changes_total = result->line_total;
	answer->policies_created = result->policies.created;
	answer->policies_changed = result->policies.changed;
	answer->policies_deleted = result->policies.deleted;
	return answer;
}

static void on_applied(void *data, const struct store_result *result, struct error *err)
{
	Pepctl__V1__ApplyChangesResponse *answer;
	struct call *call = data;

	if (err) {
		call_fail(call, err);
		return;
	}
	answer = answer_of(call, result);
	if (answer && !add_warnings(call, answer))
		call_reply(call, &answer->base);
	else
		service_fail_memory(call);
}

/* All operations are read, so that every wrong field is told at once. */
static int read_operations(const Pepctl__V1__ApplyChangesRequest *request,
	struct change_list *ret, struct error *err)
{
	_cleanup_changes_ struct change_list list = {0};
	int failed = 0;

	for (size_t i = 0; i < request->n_operations; i++) {
		struct change change;
		char path[40];

		snprintf(path, sizeof(path), "operations[%zu]", i);
		if (change_from_proto(request->operations[i], path, &change, err)) {
			failed = -1;
			continue;
		}
		if (change_list_push(&list, &change) < 0) {
			change_deinit(&change);
			return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
		}
	}
	if (failed)
		return failed;
	*ret = list;
	list = (struct change_list){0};
	return 0;
}

/* What this version does not have must not be silently left out. */
static int check_options(const Pepctl__V1__ApplyChangesRequest *request, struct error *err)
{
	if (request->confirm_timeout_nano) {
		error_set(err, ERROR_UNIMPLEMENTED, "NO_CONFIRM",
			"a commit that waits for confirmation is not in this version");
		error_violation(err, "confirm_timeout_nano", "is not in this version");
		return -1;
	}
	if (request->mode != PEPCTL__V1__APPLY_MODE__MODE_MERGE &&
		request->mode != PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL)
		return error_violation(err, "mode", "%d is no ApplyMode", (int)request->mode);
	if (strlen(request->comment) > 255)
		return error_violation(err, "comment", "%zu bytes; at most 255", strlen(request->comment));
	return 0;
}

static void apply_changes(void *data, struct call *call)
{
	const Pepctl__V1__ApplyChangesRequest *request = call_request(call);
	struct service *s = data;
	struct error err = ERROR_INIT;
	struct store_tx tx;

	service_tx_init(call, &tx);
	if (check_options(request, &err) || read_operations(request, &tx.changes, &err)) {
		call_fail(call, &err);
		return;
	}
	tx.mode = request->mode == PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL ? STORE_REPLACE_ALL :
									      STORE_MERGE;
	tx.has_expected = request->expected_present_case;
	tx.expected = request->expected_revision;
	tx.validate_only = request->validate_only;
	tx.comment = request->comment;
	store_submit(s->store, &tx, on_applied, call);
}

void service_apply_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_APPLY_CHANGES, apply_changes, s);
}
