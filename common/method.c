/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/method.h"

#include "health.pb-c.h"
#include "pepctl.pb-c.h"

#define PEPCTL "pepctl.v1.Pepctl"
#define HEALTH "grpc.health.v1.Health"

/* NAME, request and response in protobuf-c's spelling, kind, mutates, right. */
#define METHOD(name_, request_, response_, kind_, mutates_, right_)           \
	{                                                                     \
		.service = PEPCTL,                                            \
		.name = (name_),                                              \
		.name_size = sizeof(name_) - 1,                               \
		.request = &pepctl__v1__##request_##__descriptor,             \
		.response = &pepctl__v1__##response_##__descriptor,           \
		.kind = (kind_), .mutates = (mutates_), .right = (right_),    \
	}
#define READ(name, request, response)                                                              \
	METHOD(name, request, response, METHOD_UNARY, false, METHOD_READ)
#define WATCH(name, request, response)                                                             \
	METHOD(name, request, response, METHOD_SERVER_STREAM, false, METHOD_READ)
#define MUTATE(name, request, response)                                                            \
	METHOD(name, request, response, METHOD_UNARY, true, METHOD_ADMIN)
#define BAN(name, request, response) METHOD(name, request, response, METHOD_UNARY, true, METHOD_BAN)

const struct method method_table[METHOD_COUNT] = {
	[METHOD_GET_SERVER_INFO] =
		READ("GetServerInfo", get_server_info_request, get_server_info_response),
	[METHOD_GET_DESCRIPTOR] =
		READ("GetDescriptor", get_descriptor_request, get_descriptor_response),
	[METHOD_APPLY_CHANGES] =
		MUTATE("ApplyChanges", apply_changes_request, apply_changes_response),
	[METHOD_APPLY_STREAM] = METHOD("ApplyStream", apply_stream_request,
		apply_changes_response, METHOD_CLIENT_STREAM, true, METHOD_ADMIN),
	[METHOD_CREATE_POLICY] = MUTATE("CreatePolicy", create_policy_request, policy_response),
	[METHOD_GET_POLICY] = READ("GetPolicy", get_policy_request, policy_response),
	[METHOD_UPDATE_POLICY] = MUTATE("UpdatePolicy", update_policy_request, policy_response),
	[METHOD_DELETE_POLICY] =
		MUTATE("DeletePolicy", delete_policy_request, delete_policy_response),
	[METHOD_LIST_POLICIES] =
		READ("ListPolicies", list_policies_request, list_policies_response),
	[METHOD_LIST_REVISIONS] =
		READ("ListRevisions", list_revisions_request, list_revisions_response),
	[METHOD_ROLLBACK_REVISION] =
		MUTATE("RollbackRevision", rollback_revision_request, apply_changes_response),
	[METHOD_CONFIRM_REVISION] =
		MUTATE("ConfirmRevision", confirm_revision_request, confirm_revision_response),
	[METHOD_LEASE_MEMBERS] = BAN("LeaseMembers", lease_members_request, lease_members_response),
	[METHOD_RELEASE_MEMBERS] =
		BAN("ReleaseMembers", release_members_request, release_members_response),
	[METHOD_RECONCILE_MEMBERS] =
		BAN("ReconcileMembers", lease_members_request, lease_members_response),
	[METHOD_LIST_LEASES] = READ("ListLeases", list_leases_request, list_leases_response),
	[METHOD_LIST_SETS] = READ("ListSets", list_sets_request, list_sets_response),
	[METHOD_LIST_SET_MEMBERS] =
		READ("ListSetMembers", list_set_members_request, list_set_members_response),
	[METHOD_ATTACH_INTERFACE] =
		MUTATE("AttachInterface", attach_interface_request, attach_interface_response),
	[METHOD_DETACH_INTERFACE] =
		MUTATE("DetachInterface", detach_interface_request, detach_interface_response),
	[METHOD_LIST_INTERFACES] =
		READ("ListInterfaces", list_interfaces_request, list_interfaces_response),
	[METHOD_GET_STATS] = READ("GetStats", get_stats_request, stats),
	[METHOD_WATCH_STATS] = WATCH("WatchStats", watch_stats_request, stats),
	[METHOD_STREAM_EVENTS] = WATCH("StreamEvents", stream_events_request, event),
	[METHOD_LIST_SUBSCRIPTIONS] =
		READ("ListSubscriptions", list_subscriptions_request, list_subscriptions_response),
	[METHOD_CANCEL_SUBSCRIPTION] = MUTATE(
		"CancelSubscription", cancel_subscription_request, cancel_subscription_response),
	[METHOD_EXPLAIN_PACKET] = METHOD("ExplainPacket", explain_packet_request,
		explain_packet_response, METHOD_UNARY, true, METHOD_READ),
	[METHOD_HEALTH_CHECK] = {
		.service = HEALTH,
		.name = "Check",
		.name_size = sizeof("Check") - 1,
		.request = &grpc__health__v1__health_check_request__descriptor,
		.response = &grpc__health__v1__health_check_response__descriptor,
		.kind = METHOD_UNARY,
		.right = METHOD_READ,
	},
};

static bool is(const char *text, const char *given, size_t size)
{
	return strlen(text) == size && memcmp(text, given, size) == 0;
}

const struct method *method_find(const char *service, size_t service_size, const char *name,
	size_t name_size, bool *ret_service_known)
{
	bool known = false;

	for (size_t i = 0; i < METHOD_COUNT; i++) {
		if (method_table[i].name_size != name_size ||
			memcmp(method_table[i].name, name, name_size) != 0 ||
			!is(method_table[i].service, service, service_size))
			continue;
		*ret_service_known = true;
		return &method_table[i];
	}
	for (size_t i = 0; i < METHOD_COUNT && !known; i++)
		known = is(method_table[i].service, service, service_size);
	*ret_service_known = known;
	return NULL;
}
