/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/library.h"

#include <stdio.h>

#include "client/apply.h"
#include "client/members.h"
#include "common/policy_proto.h"
#include "common/text.h"
#include "pepctl.pb-c.h"

static const enum pepctl_code codes[ERROR_MAX] = {
	[ERROR_INVALID] = PEPCTL_INVALID,
	[ERROR_NOT_FOUND] = PEPCTL_NOT_FOUND,
	[ERROR_EXISTS] = PEPCTL_EXISTS,
	[ERROR_CONFLICT] = PEPCTL_CONFLICT,
	[ERROR_LIMIT] = PEPCTL_LIMIT,
	[ERROR_PRECONDITION] = PEPCTL_PRECONDITION,
	[ERROR_DENIED] = PEPCTL_DENIED,
	[ERROR_UNIMPLEMENTED] = PEPCTL_UNIMPLEMENTED,
	[ERROR_UNAVAILABLE] = PEPCTL_UNAVAILABLE,
	[ERROR_DEADLINE] = PEPCTL_TIMEOUT,
	[ERROR_CANCELLED] = PEPCTL_CANCELLED,
	[ERROR_UNKNOWN] = PEPCTL_UNKNOWN,
	[ERROR_INTERNAL] = PEPCTL_INTERNAL,
};

int library_fail(struct error *err, struct pepctl_error *ret)
{
	int code = codes[err->kind];

	if (ret) {
		*ret = (struct pepctl_error){.code = codes[err->kind]};
		snprintf(ret->reason, sizeof(ret->reason), "%s", error_reason(err));
		snprintf(ret->message, sizeof(ret->message), "%s", error_message(err));
		if (err->violation_count)
			snprintf(ret->field, sizeof(ret->field), "%s", err->violations[0].field);
	}
	error_deinit(err);
	return code;
}

int pepctl_client_new(const char *socket, struct pepctl_error *error, pepctl_client **ret)
{
	struct pepctl_client *client = calloc(1, sizeof(*client));
	struct error err = ERROR_INIT;

	if (!client)
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	else if (!client_open(socket, &err, &client->connection)) {
		arena_init(&client->arena, (size_t)4 * ARENA_BUDGET_DEFAULT);
		*ret = client;
		return PEPCTL_OK;
	}
	free(client);
	return library_fail(&err, error);
}

void pepctl_client_free(pepctl_client *client)
{
	if (!client)
		return;
	client_free(client->connection);
	arena_deinit(&client->arena);
	free(client);
}

void pepctl_client_set_timeout(pepctl_client *client, int milliseconds)
{
	client->connection->timeout = milliseconds;
}

void pepctl_client_set_force(pepctl_client *client, int force)
{
	client->force = force;
}

/* The answer is valid until the next call. */
static int ask(pepctl_client *client, enum method_id method, const ProtobufCMessage *request,
	void *ret_answer, struct pepctl_error *error)
{
	struct error err = ERROR_INIT;

	if (call_unary(client->connection, method, request, &client->arena, ret_answer, &err))
		return library_fail(&err, error);
	return PEPCTL_OK;
}

static int no_memory(struct pepctl_error *error)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	return library_fail(&err, error);
}

int pepctl_server_get(pepctl_client *client, struct pepctl_server *ret, struct pepctl_error *error)
{
	Pepctl__V1__GetServerInfoRequest request;
	Pepctl__V1__GetServerInfoResponse *answer;
	int r;

	arena_reset(&client->arena);
	pepctl__v1__get_server_info_request__init(&request);
	r = ask(client, METHOD_GET_SERVER_INFO, &request.base, &answer, error);
	if (r)
		return r;
	*ret = (struct pepctl_server){
		.revision = answer->revision,
		.enforced_revision = answer->enforced_revision,
		.policies = answer->limits ? answer->limits->policies : 0,
		.max_policies = answer->limits ? answer->limits->max_policies : 0,
	};
	snprintf(ret->version, sizeof(ret->version), "%s", answer->version);
	snprintf(ret->kernel, sizeof(ret->kernel), "%s", answer->kernel);
	return PEPCTL_OK;
}

/* --- transactions */

/* Members of files, until one cannot be read, and large sets in pieces. */
static int make_ready(struct change_list *changes, struct pepctl_error *error)
{
	struct text_problems problems = {0};
	struct error err = ERROR_INIT;
	char field[128];
	int r = 0;

	for (size_t i = 0; i < changes->count && !r; i++) {
		r = members_load(&changes->items[i], NULL, &problems, &err);
		if (problems.count) {
			snprintf(field, sizeof(field), "%.100s line %u", changes->items[i].file,
				problems.items[0].line);
			error_violation(&err, field, "%s", problems.items[0].message);
		}
	}
	text_problems_deinit(&problems);
	if (!r)
		r = members_split(changes);
	if (r && !error_is_set(&err))
		error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	return r ? library_fail(&err, error) : PEPCTL_OK;
}

int library_apply(pepctl_client *client, struct change_list *changes, bool replace,
	uint64_t *ret_revision, struct pepctl_error *error)
{
	const struct apply_options options = {
		.replace = replace, .force = client->force, .confirm = client->confirm};
	Pepctl__V1__ApplyChangesResponse *answer;
	struct error err = ERROR_INIT;
	int r = make_ready(changes, error);

	if (r)
		return r;
	arena_reset(&client->arena);
	if (apply_changes(client->connection, changes, &options, &client->arena, &answer, &err))
		return library_fail(&err, error);
	if (ret_revision)
		*ret_revision = answer->revision;
	return PEPCTL_OK;
}

static int parse(const char *text, size_t size, struct change_list *ret, struct pepctl_error *error)
{
	struct text_problems problems = {0};
	struct error err = ERROR_INIT;
	char field[40] = "";
	int r = text_parse_file(text, size, ret, &problems);

	if (r && problems.count)
		snprintf(field, sizeof(field), "line %u, column %u", problems.items[0].line,
			problems.items[0].column);
	if (r)
		error_violation(&err, field, "%s",
			problems.count ? problems.items[0].message : "out of memory");
	text_problems_deinit(&problems);
	return r ? library_fail(&err, error) : PEPCTL_OK;
}

int pepctl_ruleset_apply(pepctl_client *client, const char *text, size_t size, int replace,
	uint64_t *ret_revision, struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	int r = parse(text, size, &changes, error);

	return r ? r : library_apply(client, &changes, replace, ret_revision, error);
}

static int put_line(pepctl_client *client, const char *line, enum change_kind kind,
	uint64_t *ret_revision, struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	_cleanup_free_ char *file = NULL;
	struct error err = ERROR_INIT;
	int r;

	if (strchr(line, '\n')) {
		error_violation(&err, "line", "a policy is one line");
		return library_fail(&err, error);
	}
	if (asprintf(&file, "policy %s", line) < 0) {
		file = NULL;
		return no_memory(error);
	}
	r = parse(file, strlen(file), &changes, error);
	if (r)
		return r;
	changes.items[0].kind = kind;
	return library_apply(client, &changes, false, ret_revision, error);
}

int pepctl_policy_add(pepctl_client *client, const char *line, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	return put_line(client, line, CHANGE_CREATE_POLICY, ret_revision, error);
}

int pepctl_policy_set(pepctl_client *client, const char *line, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	return put_line(client, line, CHANGE_PUT_POLICY, ret_revision, error);
}

int pepctl_policy_delete(pepctl_client *client, const char *name, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct error err = ERROR_INIT;
	struct change change;

	change_init(&change, CHANGE_DELETE_POLICY);
	if (!policy_name_valid(name)) {
		error_violation(&err, "name", "\"%.80s\" is not 1 to %u of [A-Za-z0-9._-]", name,
			POLICY_NAME_MAX);
		return library_fail(&err, error);
	}
	snprintf(change.name, sizeof(change.name), "%s", name);
	if (change_list_push(&changes, &change) < 0)
		return no_memory(error);
	return library_apply(client, &changes, false, ret_revision, error);
}

/* --- reading policies */

static int show(const Pepctl__V1__PolicyStatus *status,
	int (*each)(void *data, const struct pepctl_policy *policy), void *data)
{
	_cleanup_policy_ struct policy policy;
	_cleanup_free_ char *line = NULL;

	policy_init(&policy);
	if (!status->policy || policy_from_proto(status->policy, "", &policy, NULL) < 0)
		return 0; /* of a later version: not expressible here */
	line = text_format_policy(&policy);
	return each(data, &(struct pepctl_policy){
				  .name = policy.name,
				  .line = line ? line : "",
				  .packets = status->packets,
				  .bytes = status->bytes,
				  .exceeded_packets = status->exceeded_packets,
				  .exceeded_bytes = status->exceeded_bytes,
				  .last_hit = status->last_hit_time,
			  });
}

int pepctl_policy_list(pepctl_client *client,
	int (*each)(void *data, const struct pepctl_policy *policy), void *data,
	struct pepctl_error *error)
{
	Pepctl__V1__ListPoliciesRequest request;
	_cleanup_free_ char *token = strdup("");
	int r;

	pepctl__v1__list_policies_request__init(&request);
	do {
		Pepctl__V1__ListPoliciesResponse *answer;

		arena_reset(&client->arena);
		if (!token)
			return no_memory(error);
		request.page_token = token;
		r = ask(client, METHOD_LIST_POLICIES, &request.base, &answer, error);
		if (r)
			return r;
		for (size_t i = 0; i < answer->n_policies; i++)
			if (show(answer->policies[i], each, data))
				return PEPCTL_OK;
		free(token);
		token = strdup(answer->next_page_token);
	} while (!token || *token);
	return PEPCTL_OK;
}

int pepctl_policy_get(pepctl_client *client, const char *name,
	int (*each)(void *data, const struct pepctl_policy *policy), void *data,
	struct pepctl_error *error)
{
	Pepctl__V1__GetPolicyRequest request;
	Pepctl__V1__PolicyResponse *answer;
	int r;

	arena_reset(&client->arena);
	pepctl__v1__get_policy_request__init(&request);
	request.name = (char *)(uintptr_t)name;
	r = ask(client, METHOD_GET_POLICY, &request.base, &answer, error);
	if (!r && answer->policy)
		show(answer->policy, each, data);
	return r;
}

/* --- interfaces and figures */

int pepctl_iface_attach(pepctl_client *client, const char *iface, enum pepctl_mode mode,
	enum pepctl_mode *ret_mode, struct pepctl_error *error)
{
	Pepctl__V1__AttachInterfaceRequest request;
	Pepctl__V1__AttachInterfaceResponse *answer;
	int r;

	if (client->confirm)
		return library_attach(client, iface, mode, ret_mode, error);
	arena_reset(&client->arena);
	pepctl__v1__attach_interface_request__init(&request);
	request.iface = (char *)(uintptr_t)iface;
	request.mode = (Pepctl__V1__AttachMode)mode;
	request.force = client->force;
	r = ask(client, METHOD_ATTACH_INTERFACE, &request.base, &answer, error);
	if (!r && ret_mode)
		*ret_mode = answer->interface ? (enum pepctl_mode)answer->interface->mode : mode;
	return r;
}

int pepctl_iface_detach(pepctl_client *client, const char *iface, struct pepctl_error *error)
{
	Pepctl__V1__DetachInterfaceRequest request;
	Pepctl__V1__DetachInterfaceResponse *answer;

	if (client->confirm)
		return library_detach(client, iface, error);
	arena_reset(&client->arena);
	pepctl__v1__detach_interface_request__init(&request);
	request.iface = (char *)(uintptr_t)iface;
	return ask(client, METHOD_DETACH_INTERFACE, &request.base, &answer, error);
}

int pepctl_stats_get(pepctl_client *client, struct pepctl_stats *ret, struct pepctl_error *error)
{
	Pepctl__V1__GetStatsRequest request;
	const Pepctl__V1__Counters *c;
	Pepctl__V1__Stats *answer;
	int r;

	arena_reset(&client->arena);
	pepctl__v1__get_stats_request__init(&request);
	r = ask(client, METHOD_GET_STATS, &request.base, &answer, error);
	if (r)
		return r;
	*ret = (struct pepctl_stats){.revision = answer->revision, .block_rate = answer->block_rate};
	c = answer->counters;
	if (!c)
		return PEPCTL_OK;
	ret->packets_total = c->packets_total;
	ret->packets_allowed = c->packets_allowed;
	ret->packets_blocked = c->packets_blocked;
	ret->packets_reflected = c->packets_reflected;
	ret->packets_redirected = c->packets_redirected;
	ret->bytes_total = c->bytes_total;
	ret->bytes_allowed = c->bytes_allowed;
	ret->bytes_blocked = c->bytes_blocked;
	ret->policy_lookups = c->policy_lookups;
	ret->parse_errors = c->parse_errors;
	return PEPCTL_OK;
}
