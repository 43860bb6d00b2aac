/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Random transactions of sets beside plain arrays of what should be there. */
#include "told_world.h"

#define NAMES     3u
#define ADDRESSES 2600u /* enough for changes that are not made in place */

struct oracle {
	bool exists[NAMES];
	bool there[NAMES][ADDRESSES];
};

static void random_change(struct store_tx *tx, struct oracle *o)
{
	static const char *const names[NAMES] = {"a", "b", "c"};
	unsigned int set = (unsigned int)rand() % NAMES, kind = (unsigned int)rand() % 8;
	unsigned int count =
		rand() % 4 ? (unsigned int)rand() % 20 : (unsigned int)rand() % ADDRESSES;
	enum change_kind kinds[] = {CHANGE_PUT_SET, CHANGE_DELETE_SET, CHANGE_REPLACE_MEMBERS,
		CHANGE_ADD_MEMBERS, CHANGE_REMOVE_MEMBERS, CHANGE_ADD_MEMBERS,
		CHANGE_REMOVE_MEMBERS, CHANGE_ADD_MEMBERS};
	bool add = kinds[kind] != CHANGE_REMOVE_MEMBERS;
	struct member_list *list;

	told_add_change(tx, kinds[kind], names[set], "", true);
	list = &tx->changes.items[tx->changes.count - 1].members;
	if (kinds[kind] != CHANGE_ADD_MEMBERS && add)
		memset(o->there[set], 0, sizeof(o->there[set]));
	o->exists[set] = kinds[kind] == CHANGE_DELETE_SET ? false : o->exists[set] || add;
	for (unsigned int i = 0; kinds[kind] != CHANGE_DELETE_SET && i < count; i++) {
		unsigned int n = (unsigned int)rand() % ADDRESSES;

		if (n % 2)
			member_list_push4(
				list, (uint8_t[4]){9, 9, (uint8_t)(n >> 8), (uint8_t)n}, 32);
		else
			member_list_push6(
				list, (uint8_t[16]){0x20, (uint8_t)(n >> 8), (uint8_t)n}, 128);
		o->there[set][n] = add && o->exists[set];
	}
}

static void compare(struct world *w, const struct oracle *o)
{
	static const char *const names[NAMES] = {"a", "b", "c"};

	for (unsigned int set = 0; set < NAMES; set++) {
		size_t count = 0;
		uint8_t id = 0;

		for (unsigned int n = 0; n < ADDRESSES; n++)
			count += o->there[set][n];
		assert_int_equal(told_count(w, names[set]), o->exists[set] ? count : SIZE_MAX);
		if (!store_set_find(w->store, names[set], &id))
			continue;
		assert_int_equal(member_set_count(&told_sets[id]), count);
		for (unsigned int n = 0; n < ADDRESSES; n++) {
			struct member m = n % 2 ? (struct member){4, 32,
							  {9, 9, (uint8_t)(n >> 8), (uint8_t)n}}
						: (struct member){6, 128,
							  {0x20, (uint8_t)(n >> 8), (uint8_t)n}};

			assert_int_equal(member_set_has(store_set_members(w->store, id), &m),
				o->there[set][n]);
			assert_int_equal(member_set_has(&told_sets[id], &m), o->there[set][n]);
		}
	}
}

static void test_random_transactions(void **state)
{
	static struct oracle now, next;
	struct answer a[4];
	struct world w;

	(void)state;
	srand(20261125);
	told_start(&w, NULL);
	memset(&now, 0, sizeof(now));
	for (unsigned int turn = 0; turn < 300; turn++) {
		unsigned int waiting = 1 + (unsigned int)rand() % ARRAY_SIZE(a);

		for (unsigned int i = 0; i < waiting; i++) {
			bool fails = rand() % 4 == 0;
			struct store_tx tx = {0};

			next = now;
			for (unsigned int n = (unsigned int)rand() % 4; n < 4; n++)
				random_change(&tx, &next);
			if (fails)
				told_add_change(&tx, CHANGE_REMOVE_MEMBERS, "none", "::1", false);
			else
				now = next;
			submit_tx(&w, &tx, &a[i]);
		}
		while (store_busy(w.store))
			finish(&w);
		compare(&w, &now);
	}
	told_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
