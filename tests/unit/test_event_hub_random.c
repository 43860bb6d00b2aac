/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Everything at once, by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_world.h"
#include "tests/lib/amount.h"

static struct hub_options random_options(void)
{
	struct hub_options options = { .queue_bytes = 1 + chance(1u << (4 + chance(12))),
		.marker_interval = chance(2) ? 1 + chance(50) : 0 };

	if (chance(2))
		options.filter =
			filter_of(chance(2) ? hub_names[chance(4)] : NULL, chance(3) ? NULL : "eth0");
	if (chance(3) == 0)
		options.filter.actions = 1 + chance(63);
	if (chance(3) == 0)
		options.filter.dport = (struct policy_ports){ 2, (uint16_t)(2 + chance(3)) };
	return options;
}

/* As the daemon does it: the ring first, then the states, which run ahead meanwhile. */
static void settle_drained(struct kernel *k, struct hub *hub)
{
	drain(k, hub, SIZE_MAX);
	for (uint32_t i = chance(4); i > 0; i--)
		decide(k, chance(CPUS), chance(3) == 0);
	settle(k, hub);
}

static void step(struct kernel *k, struct hub *hub)
{
	bool flood = chance(20) == 0;
	unsigned int decisions = chance(flood ? 600 : 10);

	for (unsigned int i = 0; i < decisions; i++)
		decide(k, chance(CPUS), chance(flood ? 2 : 50) == 0);
	drain(k, hub, chance(3) ? chance(64) : SIZE_MAX);
	if (chance(8) == 0)
		settle_drained(k, hub);
}

static void feed(struct client *c)
{
	if (chance(4) == 0)
		c->room = chance(1u << chance(14));
	if (chance(2))
		hub_pump(c->s);
}

static void check_end(struct client *c, const struct kernel *k, struct hub *hub, uint64_t begin)
{
	struct hub_accounting a;

	c->room = SIZE_MAX;
	hub_pump(c->s);
	a = hub_accounting(c->s);
	assert_true(a.decisions == numbered(k) - begin);
	assert_true(a.delivered == c->packets && a.lost == c->lost);
	assert_true(a.suppressed == c->suppressed && a.ring_full == c->ring_full);
	assert_true(a.delivered + a.filtered + a.lost + a.suppressed + a.ring_full == a.decisions);
	assert_true(hub_totals(hub).numbered == numbered(k));
}

static void run_random(void)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	struct client clients[6] = { 0 };
	uint64_t begin[ARRAY_SIZE(clients)];
	_cleanup_free_ struct kernel *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++) {
		clients[i] = (struct client){.room = chance(2) ? SIZE_MAX : 0, .pumps = chance(2)};
		begin[i] = hub_totals(hub).numbered;
		subscribe(&clients[i], hub, random_options());
		step(k, hub);
	}
	for (int64_t now = 1; now < 400; now++) {
		step(k, hub);
		feed(&clients[chance(ARRAY_SIZE(clients))]);
		hub_tick(hub, now);
	}
	drain(k, hub, SIZE_MAX);
	settle(k, hub);
	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++)
		check_end(&clients[i], k, hub, begin[i]);
}

static void test_random(void **state)
{
	(void)state;
	for (size_t i = amount(150); i; i--)
		run_random();
}

/* Subscribers come and go by every way out, in the midst of everything. */
static void test_random_turnover(void **state)
{
	_cleanup_(hub_freep) struct hub *hub = new_hub();
	_cleanup_free_ struct kernel *k = calloc(1, sizeof(*k));
	struct client clients[5] = { 0 };
	unsigned int turns = (unsigned int)amount(20000);

	(void)state;
	assert_non_null(k);
	for (unsigned int i = 0; i < turns; i++) {
		struct client *c = &clients[chance(ARRAY_SIZE(clients))];
		struct hub_options options;

		if (c->s && !c->ended && !(c->leave_after && c->messages >= c->leave_after)) {
			step(k, hub);
			if (c->ended || (c->leave_after && c->messages >= c->leave_after))
				continue;
			if (chance(30) == 0)
				hub_cancel(hub, hub_subscriber_id(c->s), NULL);
			else
				feed(c);
			continue;
		}
		*c = (struct client){.room = chance(2) ? SIZE_MAX : chance(2000),
			.pumps = chance(2),
			.leave_after = chance(4) ? 0 : 100 + chance(100)};
		options = random_options();
		options.cancel_on_overflow = chance(4) == 0;
		options.count = chance(3) ? 0 : 1 + chance(100);
		options.has_since = c->leave_after == 0 && chance(2);
		options.since = chance(20000);
		subscribe(c, hub, options);
		hub_tick(hub, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_turnover),
	};

	return cmocka_run_group_tests_name("event_hub_random", tests, NULL, NULL);
}
