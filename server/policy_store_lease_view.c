/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Leases from the loop: which there are, and when the next one ends. */
#include "server/policy_store_internal.h"

int64_t leases_next(struct store *s)
{
	uint64_t next;

	pthread_mutex_lock(&s->lease_lock);
	next = lease_table_next_expiry(&s->leases);
	pthread_mutex_unlock(&s->lease_lock);
	return (int64_t)next;
}

size_t store_lease_count(struct store *s, uint8_t id)
{
	size_t count;

	pthread_mutex_lock(&s->lease_lock);
	count = lease_table_count(&s->leases, id);
	pthread_mutex_unlock(&s->lease_lock);
	return count;
}

static void copy_held(const struct store *s, uint32_t id, int64_t now, struct store_held *ret)
{
	struct lease lease = lease_table_at(&s->leases, id);
	const char *owner = lease_table_owner_name(&s->leases, lease.owner);

	*ret = (struct store_held){.member = lease.member};
	strncpy(ret->owner, owner, sizeof(ret->owner) - 1);
	ret->left = lease.expiry ? MAX((int64_t)lease.expiry - now, 1) : 0;
}

size_t store_leases(struct store *s, uint8_t id, const char *owner, uint64_t *cursor,
	struct store_held *ret, size_t room)
{
	struct store_clock clock;
	uint32_t lease, wanted;
	size_t count = 0;

	s->backend.clock(s->backend.data, &clock);
	pthread_mutex_lock(&s->lease_lock);
	wanted = owner && *owner ? lease_table_find_owner(&s->leases, owner, strlen(owner)) : LEASE_NONE;
	for (size_t step = 0; count < room && step < STORE_LEASE_STEPS; step++) {
		if ((owner && *owner && wanted == LEASE_NONE) || !lease_table_next(&s->leases, id, cursor, &lease)) {
			*cursor = UINT64_MAX;
			break;
		}
		if (wanted == LEASE_NONE || lease_table_at(&s->leases, lease).owner == wanted)
			copy_held(s, lease, clock.boottime, &ret[count++]);
	}
	pthread_mutex_unlock(&s->lease_lock);
	return count;
}
