/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Any bytes as a list of leases: they are refused, or are a list that a table takes,
 * and that is the same when it is written and read again.
 */
#include <errno.h>

#include "tests/unit/lease_walk.h"

#define SIZE_AT 4u
#define ENTRIES 28u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static void write_again(const struct lease_list *list, uint8_t **ret, size_t *ret_size)
{
	struct lease_walk walk = {.list = list};
	struct lease_writer writer;

	lease_writer_init(&writer, &list->clock);
	while (lease_walk_next(&walk)) {
		int r = lease_walk_write(&walk, &writer);

		must(r == 0);
	}
	must(lease_writer_finish(&writer, ret, ret_size) == 0);
	lease_writer_deinit(&writer);
}

static void check_again(const struct lease_list *list)
{
	_cleanup_leases_ struct lease_list again = {0};
	struct lease_walk a = {.list = list}, b = {.list = &again};
	_cleanup_free_ uint8_t *data = NULL;
	size_t size, members = 0;

	write_again(list, &data, &size);
	must(lease_list_read(data, size, &again) == 0);
	for (; lease_walk_next(&a); members++)
		must(lease_walk_next(&b) && lease_walk_same(&a, &b));
	must(!lease_walk_next(&b) && members == list->member_count);
}

static void apply(struct lease_table *table, const struct lease_walk *walk)
{
	uint8_t set = walk->list->ops[walk->op - !walk->index].set;
	uint32_t owner, id;

	must(lease_table_ref_owner(table, walk->owner, strlen(walk->owner), &owner) == 0);
	if (walk->release)
		lease_table_remove(table, set, &walk->member, owner);
	else
		must(lease_table_put(table, set, &walk->member, owner, walk->expiry) >= 0);
	id = lease_table_find(table, set, &walk->member, owner);
	must((id == LEASE_NONE) == walk->release);
	must(walk->release || lease_table_at(table, id).expiry == walk->expiry);
	lease_table_unref_owner(table, owner);
}

static void check_table(const struct lease_list *list)
{
	struct lease_walk walk = {.list = list};
	struct lease_table table = {0};
	uint64_t before = 0;
	uint32_t id;

	while (lease_walk_next(&walk))
		apply(&table, &walk);
	while ((id = lease_table_expired(&table, UINT64_MAX)) != LEASE_NONE) {
		must(lease_table_at(&table, id).expiry >= before);
		before = lease_table_at(&table, id).expiry;
		lease_table_remove_at(&table, id);
	}
	for (uint8_t set = 0; set < LEASE_SETS; set++)
		while ((id = lease_table_last(&table, set)) != LEASE_NONE)
			lease_table_remove_at(&table, id);
	must(lease_table_next_owner(&table, 0) == LEASE_NONE);
	lease_table_deinit(&table);
}

static void read_list(const uint8_t *data, size_t size)
{
	_cleanup_leases_ struct lease_list list = {0};
	int r = lease_list_read(data, size, &list);

	must(r == 0 || r == -EINVAL);
	if (r)
		return;
	must(list.owner_count * sizeof(*list.owners) + list.op_count * sizeof(*list.ops) <=
		6 * size);
	check_again(&list);
	check_table(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint64_t whole = size;
	/* Of its own size, so that a byte too far is seen. */
	uint8_t *data = malloc(size + !size);

	must(data != NULL);
	memcpy(data, bytes, size);
	read_list(data, size);
	if (size >= ENTRIES) { /* nothing is learned from a wrong beginning */
		memcpy(data, "\1\0\0\0", SIZE_AT);
		memcpy(data + SIZE_AT, &whole, sizeof(whole));
		read_list(data, size);
	}
	free(data);
	return 0;
}
