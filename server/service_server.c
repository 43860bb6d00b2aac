/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the server says of itself. */
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "common/frame.h"
#include "descriptor_set.h"
#include "health.pb-c.h"
#include "server/service.h"

Pepctl__V1__InterfaceDefault **service_defaults(struct service *s, struct call *call,
	size_t *ret_count)
{
	const struct store_config *c = store_config(s->store);
	Pepctl__V1__InterfaceDefault **all =
		arena_array(call_arena(call), c->default_count, sizeof(*all));

	for (size_t i = 0; all && i < c->default_count; i++) {
		Pepctl__V1__InterfaceDefault *m = SERVICE_MESSAGE(call, interface_default);

		if (!m || !(m->iface = arena_strdup(call_arena(call), c->defaults[i].iface)))
			return NULL;
		m->action = c->defaults[i].block ? PEPCTL__V1__ACTION_KIND__ACTION_BLOCK :
						   PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;
		all[i] = m;
	}
	*ret_count = c->default_count;
	return all;
}

static bool add_settings(struct service *s, struct call *call,
	Pepctl__V1__GetServerInfoResponse *answer)
{
	const struct store_config *c = store_config(s->store);

	answer->settings = arena_array(call_arena(call), SETTING_MAX, sizeof(*answer->settings));
	for (size_t i = 0; answer->settings && i < SETTING_MAX; i++) {
		Pepctl__V1__Setting *m = SERVICE_MESSAGE(call, setting);
		char value[24];

		setting_format((enum setting)i, c->settings[i], value);
		if (!m ||
			!(m->name = arena_strdup(call_arena(call), setting_info((enum setting)i)->name)) ||
			!(m->value = arena_strdup(call_arena(call), value)))
			return false;
		answer->settings[answer->n_settings++] = m;
	}
	return answer->settings;
}

static bool add_defaults(struct service *s, struct call *call,
	Pepctl__V1__GetServerInfoResponse *answer)
{
	answer->default_action = SERVICE_MESSAGE(call, interface_default);
	answer->interface_defaults = service_defaults(s, call, &answer->n_interface_defaults);
	if (!answer->default_action || !answer->interface_defaults)
		return false;
	answer->default_action->action = store_config(s->store)->block ?
						 PEPCTL__V1__ACTION_KIND__ACTION_BLOCK :
						 PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;
	return true;
}

static bool add_limits(struct service *s, struct call *call,
	Pepctl__V1__GetServerInfoResponse *answer)
{
	Pepctl__V1__Limits *m = answer->limits = SERVICE_MESSAGE(call, limits);
	struct datapath_info info;

	if (!m)
		return false;
	datapath_info(s->datapath, &info);
	m->max_policies = store_max_policies(s->store);
	m->policies = store_policy_count(s->store);
	m->max_interfaces = STORE_ATTACHMENTS_MAX;
	m->max_frame_bytes = FRAME_BODY_MAX;
	m->max_buckets = info.max_buckets;
	m->ring_bytes = info.ring_size;
	m->memory_bytes = info.memory;
	m->memory_limit = info.memory_limit;
	m->max_members = store_max_members(s->store);
	m->members = service_members(s);
	m->max_sets = STORE_SETS_MAX;
	m->sets = store_set_count(s->store);
	answer->program_id = info.program_id;
	return (answer->adopted = arena_strdup(call_arena(call), info.adopted));
}

/* The worker has the classifier while a commit is under way: then the figures before it serve. */
static bool add_tables(struct service *s, struct call *call,
	Pepctl__V1__GetServerInfoResponse *answer)
{
	Pepctl__V1__Tables *m = answer->tables = SERVICE_MESSAGE(call, tables);
	uint64_t generation = datapath_generation(s->datapath);

	if (!m)
		return false;
	if (s->tables.generation != generation && !store_busy(s->store)) {
		classifier_info(s->classifier, &s->tables.info);
		s->tables.generation = generation;
	}
	m->tuples = s->tables.info.tuples;
	m->longest_run = s->tables.info.longest_run;
	m->most_steps = s->tables.info.most_steps;
	m->entries = s->tables.info.entries;
	return true;
}

static bool add_texts(struct service *s, struct call *call,
	Pepctl__V1__GetServerInfoResponse *answer)
{
	static const char *const features[] = {"events", "transactions", "generic-mode",
		"apply-stream", "sets", "explain", "protect", "iface-patterns", "leases",
		"rate-limit-scopes"};
	struct arena *arena = call_arena(call);
	struct utsname host = {0};

	uname(&host);
	answer->version = arena_strdup(arena, PEP_VERSION);
	answer->protocol = arena_strdup(arena, "pepctl.v1");
	answer->kernel = arena_strdup(arena, host.release);
	answer->state_dir = arena_strdup(arena, s->state_dir);
	answer->pin_dir = arena_strdup(arena, s->pin_dir);
	answer->state_write_error = arena_strdup(arena, s->state_write_error);
	answer->features = arena_array(arena, ARRAY_SIZE(features), sizeof(*answer->features));
	if (!answer->version || !answer->protocol || !answer->kernel || !answer->state_dir ||
		!answer->pin_dir || !answer->state_write_error || !answer->features)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		answer->features[i] = arena_strdup(arena, features[i]);
		if (!answer->features[i])
			return false;
	}
	answer->n_features = ARRAY_SIZE(features);
	return true;
}

static void get_server_info(void *data, struct call *call)
{
	Pepctl__V1__GetServerInfoResponse *answer = SERVICE_MESSAGE(call, get_server_info_response);
	struct service *s = data;

	if (!answer || !add_limits(s, call, answer) || !add_texts(s, call, answer) ||
		!add_tables(s, call, answer) || !add_settings(s, call, answer) ||
		!add_defaults(s, call, answer)) {
		service_fail_memory(call);
		return;
	}
	answer->revision = store_revision(s->store);
	answer->enforced_revision = datapath_revision(s->datapath);
	if (answer->enforced_revision != answer->revision)
		answer->difference = arena_strdup(call_arena(call), "a commit is under way");
	answer->confirm_left_nano = store_confirm_left(s->store, &answer->confirm_revision);
	answer->started_time = s->started;
	answer->pid = (uint32_t)getpid();
	if (answer->difference)
		call_reply(call, &answer->base);
	else
		service_fail_memory(call);
}

static void get_descriptor(void *data, struct call *call)
{
	Pepctl__V1__GetDescriptorResponse *answer = SERVICE_MESSAGE(call, get_descriptor_response);

	(void)data;
	if (!answer) {
		service_fail_memory(call);
		return;
	}
	answer->file_descriptor_set.len = pep_descriptor_set_size;
	answer->file_descriptor_set.data = arena_alloc(call_arena(call), pep_descriptor_set_size);
	if (!answer->file_descriptor_set.data) {
		service_fail_memory(call);
		return;
	}
	memcpy(answer->file_descriptor_set.data, pep_descriptor_set, pep_descriptor_set_size);
	call_reply(call, &answer->base);
}

/* "" is the server as a whole. */
static void health_check(void *data, struct call *call)
{
	const Grpc__Health__V1__HealthCheckRequest *request = call_request(call);
	Grpc__Health__V1__HealthCheckResponse answer;
	struct error err = ERROR_INIT;

	(void)data;
	if (*request->service && !streq(request->service, "pepctl.v1.Pepctl")) {
		error_set(&err, ERROR_NOT_FOUND, "NO_SERVICE", "there is no service %.80s",
			request->service);
		call_fail(call, &err);
		return;
	}
	grpc__health__v1__health_check_response__init(&answer);
	answer.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	call_reply(call, &answer.base);
}

void service_server_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_GET_SERVER_INFO, get_server_info, s);
	rpc_handle(s->rpc, METHOD_GET_DESCRIPTOR, get_descriptor, s);
	rpc_handle(s->rpc, METHOD_HEALTH_CHECK, health_check, s);
}
