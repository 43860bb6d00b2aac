/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The method table: the one list of what can be called, shared by the daemon,
 * the library and the test that compares it with the descriptor set.
 */
#ifndef PEP_COMMON_METHOD_H
#define PEP_COMMON_METHOD_H

#include <protobuf-c/protobuf-c.h>

#include "common/macros.h"

enum method_kind { METHOD_UNARY, METHOD_SERVER_STREAM, METHOD_CLIENT_STREAM };

enum method_right {
	METHOD_READ,  /* root and any of the three groups */
	METHOD_BAN,   /* root, the admin group and the ban group, which may less of it */
	METHOD_ADMIN, /* root and the admin group */
};

enum method_id {
	METHOD_GET_SERVER_INFO,
	METHOD_GET_DESCRIPTOR,
	METHOD_APPLY_CHANGES,
	METHOD_APPLY_STREAM,
	METHOD_CREATE_POLICY,
	METHOD_GET_POLICY,
	METHOD_UPDATE_POLICY,
	METHOD_DELETE_POLICY,
	METHOD_LIST_POLICIES,
	METHOD_LIST_REVISIONS,
	METHOD_ROLLBACK_REVISION,
	METHOD_CONFIRM_REVISION,
	METHOD_LEASE_MEMBERS,
	METHOD_RELEASE_MEMBERS,
	METHOD_RECONCILE_MEMBERS,
	METHOD_LIST_LEASES,
	METHOD_LIST_SETS,
	METHOD_LIST_SET_MEMBERS,
	METHOD_ATTACH_INTERFACE,
	METHOD_DETACH_INTERFACE,
	METHOD_LIST_INTERFACES,
	METHOD_GET_STATS,
	METHOD_WATCH_STATS,
	METHOD_STREAM_EVENTS,
	METHOD_LIST_SUBSCRIPTIONS,
	METHOD_CANCEL_SUBSCRIPTION,
	METHOD_EXPLAIN_PACKET,
	METHOD_HEALTH_CHECK,
	METHOD_COUNT,
};

struct method {
	const char *service; /* "pepctl.v1.Pepctl" */
	const char *name;    /* "GetPolicy" */
	size_t name_size;    /* without the NUL: most names differ in it already */
	const ProtobufCMessageDescriptor *request;  /* of each message of a stream */
	const ProtobufCMessageDescriptor *response; /* of each message of a stream */
	enum method_kind kind;
	bool mutates; /* or asks in the words of who does: unknown fields are refused */
	enum method_right right;
};

extern const struct method method_table[METHOD_COUNT]; /* by enum method_id */

/* The strings are not terminated. NULL when there is no such method;
 * `*ret_service_known` says which of the two was wrong. */
const struct method *method_find(const char *service, size_t service_size, const char *name,
				 size_t name_size, bool *ret_service_known);

#endif
