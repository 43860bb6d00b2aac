/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/service.h"

#include <errno.h>
#include <time.h>

#include "common/policy_proto.h"
#include "common/wire.h"
#include "common/wirecheck.h"

void *service_message(struct call *call, const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = arena_alloc(call_arena(call), descriptor->sizeof_message);

	if (message)
		protobuf_c_message_init(descriptor, message);
	return message;
}

void service_fail_memory(struct call *call)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "MEMORY", "the answer needs more memory than a request may use");
	call_fail(call, &err);
}

int service_read_token(const char *token, size_t count, uint64_t ret[], struct error *err)
{
	const char *at = token;

	for (size_t i = 0; at && i < count; i++) {
		char *end = NULL;

		errno = 0;
		ret[i] = *at >= '0' && *at <= '9' ? strtoull(at, &end, 10) : 0;
		at = end && !errno && *end == (i + 1 < count ? '.' : 0) ? end + 1 : NULL;
	}
	return at ? 0 : error_violation(err, "page_token", "\"%.80s\" is no token of this server", token);
}

static int64_t now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int64_t service_wall_now(void)
{
	return now_of(CLOCK_REALTIME);
}

int64_t service_monotonic_now(void)
{
	return now_of(CLOCK_MONOTONIC);
}

/* FNV-1a of 64 bits: an id that is used twice is a mistake, not an attack on oneself. */
struct hash {
	ProtobufCBuffer base;
	uint64_t value;
};

static void hash_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
	struct hash *hash = CONTAINER_OF(buffer, struct hash, base);

	for (size_t i = 0; i < size; i++)
		hash->value = (hash->value ^ data[i]) * 0x100000001b3u;
}

int service_read_request_id(const char *id, const ProtobufCMessage *request, struct store_tx *tx,
	struct error *err)
{
	struct hash hash = {{hash_append}, 0xcbf29ce484222325u ^ tx->request_hash};

	if (!*id)
		return 0;
	if (strlen(id) > REQUEST_ID_MAX || wirecheck_has_control(id))
		return error_violation(err, "request_id", "%zu bytes; at most %u, without control characters",
			strlen(id), REQUEST_ID_MAX);
	protobuf_c_message_pack_to_buffer(request, &hash.base);
	tx->request_id = id;
	tx->request_hash = hash.value;
	return 0;
}

void service_tx_init(struct call *call, struct store_tx *tx)
{
	const struct rpc_peer *peer = call_peer(call);

	*tx = (struct store_tx){
		.deadline = call_deadline(call),
		.author = {.uid = peer->uid, .pid = peer->pid},
	};
	memcpy(tx->author.command, peer->command, sizeof(tx->author.command));
}

void service_policy_figures(struct service *s, const struct store_policy *policy, uint32_t slot,
	Pepctl__V1__PolicyStatus *ret)
{
	struct datapath_figures stats;

	datapath_policy_stats(s->datapath, slot, &stats);
	ret->packets = stats.packets;
	ret->bytes = stats.bytes;
	ret->exceeded_packets = stats.exceeded_packets;
	ret->exceeded_bytes = stats.exceeded_bytes;
	ret->displaced_buckets = stats.displaced;
	ret->last_hit_time = !stats.last_hit ? 0 :
		(int64_t)stats.last_hit + service_wall_now() - service_monotonic_now();
	ret->position = store_policy_position(s->store, policy);
	ret->created_revision = policy->created_revision;
	ret->changed_revision = policy->changed_revision;
	ret->left_nano = store_policy_left(s->store, policy);
}

/* By hand: protobuf-c takes longer for these numbers than all the rest of GetPolicy. */
static uint8_t *write_status(uint8_t *out, const struct store_policy *policy,
	const Pepctl__V1__PolicyStatus *figures)
{
	out = wire_write_bytes(out, 1, policy->packed, policy->packed_size);
	out = wire_write_number(out, 2, figures->packets);
	out = wire_write_number(out, 3, figures->bytes);
	out = wire_write_number(out, 4, figures->exceeded_packets);
	out = wire_write_number(out, 5, figures->exceeded_bytes);
	out = wire_write_number(out, 6, (uint64_t)figures->last_hit_time);
	out = wire_write_number(out, 7, figures->position);
	out = wire_write_number(out, 8, figures->created_revision);
	out = wire_write_number(out, 9, figures->changed_revision);
	out = wire_write_number(out, 10, (uint64_t)figures->left_nano);
	return wire_write_number(out, 11, figures->displaced_buckets);
}

int service_policy_bytes(struct service *s, struct call *call, const struct store_policy *policy,
	ProtobufCBinaryData *ret)
{
	Pepctl__V1__PolicyStatus figures;

	service_policy_figures(s, policy, policy->slot, &figures);
	ret->data = arena_alloc(call_arena(call), WIRE_NUMBER_MAX * 11 + policy->packed_size);
	if (!ret->data)
		return -1;
	ret->len = (size_t)(write_status(ret->data, policy, &figures) - ret->data);
	return 0;
}

Pepctl__V1__PolicyStatus *service_policy_status(struct service *s, struct call *call,
	const struct store_policy *policy)
{
	/* A listing may show a policy that has gone, and its slot with it. */
	const struct store_policy *now = store_policy_find(s->store, policy->policy.name);
	Pepctl__V1__PolicyStatus *status = SERVICE_MESSAGE(call, policy_status);

	if (!status || !(status->policy = policy_to_proto(&policy->policy, call_arena(call))))
		return NULL;
	service_policy_figures(s, policy, now ? now->slot : PEP_SLOT_NONE, status);
	return status;
}

int service_init(struct service *s)
{
	service_policy_init(s);
	service_apply_init(s);
	service_apply_stream_init(s);
	service_history_init(s);
	service_set_init(s);
	service_lease_init(s);
	service_lease_list_init(s);
	service_iface_init(s);
	service_stats_init(s);
	service_events_init(s);
	service_explain_init(s);
	service_server_init(s);
	return service_list_init(s);
}

void service_deinit(struct service *s)
{
	service_stats_deinit(s);
	service_list_deinit(s);
}

uint64_t service_members(const struct service *s)
{
	uint64_t members = store_member_count(s->store);

	for (uint8_t id = 0; id < STORE_SETS_MAX; id++)
		members += store_lease_count(s->store, id);
	return members;
}
