/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/member_proto.h"
#include "common/text.h"

static void read_file(const char *text, struct change_list *ret)
{
	struct text_problems problems = {0};

	if (text_parse_file(text, strlen(text), ret, &problems))
		fail_msg("%s", problems.items[0].message);
}

static void test_there_and_back(void **state)
{
	static const enum change_kind kinds[] = {CHANGE_CREATE_SET, CHANGE_PUT_SET,
		CHANGE_ADD_MEMBERS, CHANGE_REMOVE_MEMBERS, CHANGE_REPLACE_MEMBERS,
		CHANGE_DELETE_SET};
	_cleanup_changes_ struct change_list list = {0};
	char *wanted;

	(void)state;
	read_file(
		"set s bannable max-ttl 1h { 192.0.2.1 10.0.0.0/8 0.0.0.0/0 ::1 2001:db8::/32 }\n",
		&list);
	wanted = text_format_change(&list.items[0]);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		Pepctl__V1__Operation *message;
		struct change back;
		struct arena arena;

		arena_init(&arena, ARENA_BUDGET_DEFAULT);
		list.items[0].kind = kinds[i];
		message = change_to_proto(&list.items[0], &arena);
		if (change_from_proto(message, "operations[0]", &back, &err))
			fail_msg("%s", error_message(&err));
		assert_int_equal(back.kind, kinds[i]);
		assert_string_equal(back.name, "s");
		assert_int_equal(
			member_list_count(&back.members), kinds[i] == CHANGE_DELETE_SET ? 0 : 5);
		if (change_makes_set(kinds[i])) {
			char *line = text_format_change(&back);

			assert_string_equal(line, wanted);
			free(line);
		}
		change_deinit(&back);
		arena_deinit(&arena);
	}
	free(wanted);
}

static void test_wrong_bytes(void **state)
{
	static uint8_t bytes[] = {192, 0, 2, 1, 24, 192, 0, 2, 0, 33};
	static char wrong[] = "10.0.0.1/8", name[] = "a/b";
	static char *texts[] = {wrong};
	static const char *const rows[][2] = {
		{"o.put_set.name", "\"a/b\" is not 1 to 63"},
		{"o.put_set.max_ttl_nano", "is negative"},
		{"o.put_set.members.ipv4", "10 bytes are no whole number of items of 4 bytes"},
		{"o.put_set.members.ipv4_prefixes[0]", "\"192.0.2.1/24\" has bits set behind its "
						       "prefix length; write 192.0.2.0/24"},
		{"o.put_set.members.ipv4_prefixes[1]", "the prefix length 33 is more than 32"},
		{"o.put_set.members.ipv6", "items of 16 bytes"},
		{"o.put_set.members.ipv6_prefixes", "items of 17 bytes"},
		{"o.put_set.members.text[0]", "write 10.0.0.0/8"},
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	Pepctl__V1__Operation operation;
	Pepctl__V1__Members members;
	Pepctl__V1__Set set;
	struct change change;

	(void)state;
	pepctl__v1__operation__init(&operation);
	pepctl__v1__members__init(&members);
	pepctl__v1__set__init(&set);
	operation.operation_case = PEPCTL__V1__OPERATION__OPERATION_PUT_SET;
	operation.put_set = &set;
	set.name = name;
	set.max_ttl_nano = -1;
	set.members = &members;
	members.ipv4 = members.ipv4_prefixes = members.ipv6 = members.ipv6_prefixes =
		(ProtobufCBinaryData){.len = sizeof(bytes), .data = bytes};
	members.text = texts;
	members.n_text = 1;
	assert_int_equal(change_from_proto(&operation, "o", &change, &err), -EINVAL);
	assert_int_equal(err.violation_total, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_string_equal(err.violations[i].field, rows[i][0]);
		assert_non_null(strstr(err.violations[i].description, rows[i][1]));
	}
}

static void check_index(
	const struct member_places *places, uint8_t family, size_t at, uint32_t wanted)
{
	assert_int_equal(member_places_index(places, family, at), wanted);
}

/* Two of each form of bytes, then text whose ranges are several members, or of the other family. */
static void test_places_of_items(void **state)
{
	static char one[] = "10.0.0.0-10.0.0.4", two[] = "::1", three[] = "9.9.9.9",
		    four[] = "::2-::5";
	char *text[] = {one, two, three, four};
	uint8_t ipv4[8] = {1, 1, 1, 1, 2, 2, 2, 2}, ipv4_prefixes[5] = {10, 0, 0, 0, 8};
	uint8_t ipv6[32] = {1, [16] = 2}, ipv6_prefixes[17] = {0x20, [16] = 8};
	Pepctl__V1__Members m = PEPCTL__V1__MEMBERS__INIT;
	_cleanup_members_ struct member_list list = {0};
	struct member_places places;

	(void)state;
	m.ipv4 = (ProtobufCBinaryData){sizeof(ipv4), ipv4};
	m.ipv4_prefixes = (ProtobufCBinaryData){sizeof(ipv4_prefixes), ipv4_prefixes};
	m.ipv6 = (ProtobufCBinaryData){sizeof(ipv6), ipv6};
	m.ipv6_prefixes = (ProtobufCBinaryData){sizeof(ipv6_prefixes), ipv6_prefixes};
	m.text = text;
	m.n_text = ARRAY_SIZE(text);
	assert_int_equal(members_from_proto_placed(&m, "members", &list, &places, NULL), 0);
	assert_int_equal(list.v4_count, 6);
	assert_int_equal(list.v6_count, 6);
	for (uint32_t i = 0; i < 3; i++) {
		check_index(&places, 4, i, i);
		check_index(&places, 6, i, 3 + i);
	}
	check_index(&places, 4, 3, 6);
	check_index(&places, 4, 4, 6);
	check_index(&places, 4, 5, 8);
	check_index(&places, 6, 3, 7);
	check_index(&places, 6, 4, 9);
	check_index(&places, 6, 5, 9);
	member_places_deinit(&places);
}

static void test_ranges_are_bounded(void **state)
{
	_cleanup_free_ char **text = calloc(40000, sizeof(*text));
	Pepctl__V1__Members m = PEPCTL__V1__MEMBERS__INIT;
	_cleanup_members_ struct member_list list = {0};
	_cleanup_error_ struct error err = ERROR_INIT;
	static char range[] = "0.0.0.1-255.255.255.254";
	struct member_places places;

	(void)state;
	for (size_t i = 0; i < 40000; i++)
		text[i] = range;
	m.text = text;
	m.n_text = 40000;
	assert_true(members_from_proto_placed(&m, "members", &list, &places, &err) < 0);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_in_range(member_list_count(&list), MEMBERS_MESSAGE_MAX, MEMBERS_MESSAGE_MAX + 62);
	member_places_deinit(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_of_items),
		cmocka_unit_test(test_ranges_are_bounded),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_wrong_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
