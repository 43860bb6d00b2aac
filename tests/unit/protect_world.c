/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "protect_world.h"

#include <netinet/tcp.h>

const struct session protect_sessions[PROTECT_SESSIONS] = {
	{.flow = {.family = 4,
		 .src = {10, 0, 0, 9},
		 .dst = {10, 0, 0, 1},
		 .proto = 6,
		 .sport = 40000,
		 .dport = 22,
		 .tcp_flags = TH_ACK}},
	{.flow = {.family = 4,
		 .src = {127, 0, 0, 1},
		 .dst = {127, 0, 0, 1},
		 .proto = 6,
		 .sport = 7,
		 .dport = 22,
		 .tcp_flags = TH_ACK},
		.loopback = true},
	{.flow = {.family = 4,
		 .src = {10, 0, 0, 9},
		 .dst = {10, 0, 0, 1},
		 .proto = 6,
		 .sport = 40001,
		 .dport = 22,
		 .tcp_flags = TH_ACK}},
};

/* eth0 is filtered in revision 1. */
static void begin(struct world *w)
{
	struct answer a;

	world_init(w, 10, NULL);
	submit(w, "interface eth0\n", &a);
	finish(w);
	assert_int_equal(a.revision, 1);
	w->filters = "eth0";
	w->sessions = protect_sessions;
	w->session_count = PROTECT_SESSIONS;
	w->listed = w->judged = 0;
}

static struct world the_world;

int protect_setup(void **state)
{
	*state = &the_world;
	begin(&the_world);
	return 0;
}

int protect_teardown(void **state)
{
	world_deinit(*state);
	return 0;
}

void protect_again(struct world *w)
{
	world_deinit(w);
	begin(w);
}

void protect_refused(const struct world *w, const struct answer *a, const char *reason)
{
	assert_true(a->done);
	assert_int_equal(a->kind, ERROR_PRECONDITION);
	assert_string_equal(a->reason, reason);
	assert_int_equal(store_revision(w->store), 1);
	assert_int_equal(w->persisted, 1);
	assert_int_equal(w->prepared, w->flipped + w->aborted);
}

void protect_committed(struct world *w, const struct answer *a)
{
	assert_false(a->done);
	finish(w);
	assert_true(a->done);
	assert_int_equal(a->kind, ERROR_NONE);
	assert_int_equal(a->revision, 2);
	assert_int_equal(w->prepared, w->flipped + w->aborted);
}
