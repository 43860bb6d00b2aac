/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a filter lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "hub_world.h"

static unsigned int filtered_in(struct hub_filter filter)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client c = { .room = SIZE_MAX };
	struct pep_event e = { .number = 1, .family = 4, .proto = 6, .action = PEP_ACTION_BLOCK,
		.dport = htons(443), .src = { htonl(0xc0000281) }, .policy = "web" };

	subscribe(&c, hub, (struct hub_options){ .filter = filter });
	hub_packet(hub, &(struct hub_packet){ &e, "eth0", 0 });
	assert_int_equal(hub_accounting(c.s).filtered + c.packets, 1);
	return c.packets;
}

static struct policy_address prefix(uint8_t family, uint8_t length, const char *text)
{
	struct policy_address address = {.kind = POLICY_PREFIX, .family = family, .length = length};

	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, address.bytes), 1);
	return address;
}

static void test_filter_words(void **state)
{
	(void)state;
	assert_true(filtered_in(filter_of(NULL, NULL)));
	assert_true(filtered_in(filter_of("web", NULL)));
	assert_false(filtered_in(filter_of("we", NULL)));
	assert_false(filtered_in(filter_of("", NULL)));
	assert_true(filtered_in(filter_of("web", "eth0")));
	assert_false(filtered_in(filter_of("web", "eth1")));
	assert_false(filtered_in(filter_of("dns", "eth0")));
	assert_true(filtered_in((struct hub_filter){ .no_changes = true }));
	assert_false(filtered_in((struct hub_filter){ .no_packets = true }));
}

static void test_filter_numbers(void **state)
{
	(void)state;
	assert_true(filtered_in((struct hub_filter){ .actions = 1u << PEP_ACTION_BLOCK }));
	assert_false(filtered_in((struct hub_filter){ .actions = 1u << PEP_ACTION_ALLOW }));
	assert_true(filtered_in((struct hub_filter){ .has_proto = true, .proto = 6 }));
	assert_false(filtered_in((struct hub_filter){ .has_proto = true }));
	assert_true(filtered_in((struct hub_filter){ .dport = { 0, 65535 } }));
	assert_true(filtered_in((struct hub_filter){ .dport = { 443, 443 } }));
	assert_false(filtered_in((struct hub_filter){ .dport = { 444, 500 } }));
	assert_false(filtered_in((struct hub_filter){ .dport = { 1, 442 } }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 32, "192.0.2.129") }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 25, "192.0.2.128") }));
	assert_false(filtered_in((struct hub_filter){ .src = prefix(4, 25, "192.0.2.0") }));
	assert_true(filtered_in((struct hub_filter){ .src = prefix(4, 0, "0.0.0.0") }));
	assert_false(filtered_in((struct hub_filter){ .src = prefix(6, 0, "::") }));
	assert_false(filtered_in((struct hub_filter){ .dst = prefix(4, 24, "192.0.2.0") }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_words),
		cmocka_unit_test(test_filter_numbers),
	};

	return cmocka_run_group_tests_name("event_hub_filter", tests, NULL, NULL);
}
