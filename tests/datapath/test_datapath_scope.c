/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Buckets per source under server/datapath, on a real veth: what outlives a daemon, and what must
 * not outlive its policy. Rates are so low that the next packet would have to wait for minutes.
 */
#include <arpa/inet.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cmocka_all.h"
#include "datapath_world.h"

#define SIZE     28u /* bytes of a packet */
#define BURST    50u /* packets */
#define POLICIES 1u  /* two slots, which are given out in turns */

static void limit_on(struct policy *p, const char *name, uint64_t rate)
{
	policy_on(p, name, 53);
	p->action.kind = POLICY_RATE_LIMIT;
	p->action.rate = rate;
	p->action.rate_unit = POLICY_BITS;
	p->action.burst = SIZE * BURST - SIZE / 2;
	p->action.scope = POLICY_SCOPE_SRC;
}

static uint64_t passed(struct world *w)
{
	uint64_t before = tally_of(w, PEP_TALLY_ALLOW_POLICY);

	sandbox_send("ip4 udp dport=53", 2 * BURST);
	return tally_of(w, PEP_TALLY_ALLOW_POLICY) - before;
}

/* Places that have a tag. */
static size_t taken(void)
{
	int fd = bpf_obj_get(PINS "/maps/scope_map");
	struct pep_scope_line line;
	size_t count = 0;

	assert_true(fd >= 0);
	for (uint32_t i = 0; !bpf_map_lookup_elem(fd, &i, &line); i++)
		for (size_t place = 0; place < PEP_SCOPE_PLACES; place++)
			count += line.place[place].tag != 0;
	close(fd);
	return count;
}

static void begin(struct world *w, struct policy *p)
{
	open_world(w, POLICIES);
	assert_int_equal(datapath_attach(w->dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	limit_on(p, "a", 1);
	commit(w, NULL, p);
	assert_int_equal(passed(w), BURST);
	assert_int_equal(taken(), 1);
}

static void end(struct world *w)
{
	datapath_remove(w->dp);
	close_world(w);
}

static void test_restart_keeps(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	begin(&w, &p);
	for (int i = 0; i < 2; i++) {
		close_world(&w);
		open_world(&w, POLICIES);
		assert_int_equal(w.start, DATAPATH_ADOPTED);
		assert_int_equal(passed(&w), 0);
	}
	end(&w);
}

/* The slot, and with it limit_id, comes around; the bucket does not. */
static void test_slot_is_used_again(void **state)
{
	struct policy p, next;
	struct world w;
	uint32_t slot;

	(void)state;
	begin(&w, &p);
	slot = classifier_slot(w.classifier, "a");
	commit(&w, &p, NULL);
	assert_int_equal(taken(), 0);
	for (int i = 0; i < 2; i++) {
		limit_on(&next, "b", 1);
		commit(&w, NULL, &next);
		assert_int_equal(passed(&w), BURST);
		assert_true((classifier_slot(w.classifier, "b") == slot) == (i == 1));
		commit(&w, &next, NULL);
		assert_int_equal(taken(), 0);
	}
	end(&w);
}

static void test_change_of_rate(void **state)
{
	struct policy p[4];
	struct world w;

	(void)state;
	begin(&w, &p[0]);
	p[1] = p[0];
	p[1].log = 7;
	commit(&w, &p[0], &p[1]);
	assert_int_equal(passed(&w), 0);
	assert_int_equal(taken(), 1);
	for (size_t i = 2; i < ARRAY_SIZE(p); i++) { /* there and back: the first limit_id again */
		limit_on(&p[i], "a", 4 - i);
		commit(&w, &p[i - 1], &p[i]);
		assert_int_equal(taken(), 0);
		assert_int_equal(passed(&w), BURST);
		assert_int_equal(taken(), 1);
	}
	end(&w);
}

/* Killed between flip and settle: what the commit ended is gone when the next daemon is there. */
static void test_cut_off_before_settling(void **state)
{
	struct classifier_plan *plan = NULL;
	struct classifier_edit edit;
	struct policy p, next;
	struct world w;

	(void)state;
	begin(&w, &p);
	edit = edit_of(&p, NULL);
	assert_int_equal(
		try_prepare(&w, &(struct classifier_change){.edits = &edit, .edit_count = 1}, &plan,
			NULL),
		0);
	datapath_flip(w.dp);
	classifier_commit(w.classifier, plan);
	close_world(&w);
	assert_int_equal(taken(), 1);
	open_world(&w, POLICIES);
	assert_int_equal(taken(), 0);
	limit_on(&next, "b", 1);
	commit(&w, NULL, &next);
	assert_int_equal(passed(&w), BURST);
	end(&w);
}

/* Prepared and undone: nothing has begun anew. */
static void test_abort_keeps(void **state)
{
	struct classifier_plan *plan = NULL;
	struct classifier_edit edit;
	struct policy p, next;
	struct world w;

	(void)state;
	begin(&w, &p);
	limit_on(&next, "a", 2);
	edit = edit_of(&p, &next);
	assert_int_equal(
		try_prepare(&w, &(struct classifier_change){.edits = &edit, .edit_count = 1}, &plan,
			NULL),
		0);
	datapath_abort(w.dp);
	classifier_abort(w.classifier, plan);
	assert_int_equal(passed(&w), 0);
	end(&w);
}

/* Maps of other sizes: the policy is carried over, its buckets per source begin anew. */
static void test_other_sizes(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	begin(&w, &p);
	close_world(&w);
	open_only(&w, POLICIES + 1);
	assert_int_equal(w.start, DATAPATH_REBUILT);
	commit(&w, NULL, &p);
	activate(&w);
	assert_int_equal(passed(&w), BURST);
	assert_int_equal(passed(&w), 0);
	end(&w);
}

static uint32_t frame_of(uint8_t *frame, uint8_t last)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 28, 0,
		0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 203, 0, 113, 9, 0x9c, 0x40, 0, 53, 0, 8, 0, 0};

	memcpy(frame, head, sizeof(head));
	frame[29] = last;
	return sizeof(head);
}

static struct datapath_explained explain(struct world *w, uint8_t last, uint64_t generation)
{
	struct datapath_explained explained;
	struct pep_explain answer;
	uint8_t frame[64];
	uint32_t size = frame_of(frame, last);

	assert_int_equal(datapath_explain(w->dp, frame, size, generation, "in0", &answer), 0);
	datapath_explained(w->dp, &answer, &explained);
	assert_true(explained.limited);
	assert_int_equal(explained.burst, SIZE * BURST - SIZE / 2);
	explained.available /= SIZE;
	return explained;
}

/* The packet's own bucket is told, also of a candidate. */
static void test_explain(void **state)
{
	struct classifier_plan *plan = NULL;
	struct classifier_edit edit;
	struct policy p, next;
	struct world w;

	(void)state;
	begin(&w, &p); /* from 192.0.2.1 */
	assert_false(explain(&w, 1, 0).passes);
	assert_int_equal(explain(&w, 2, 0).available, BURST - 1);
	assert_true(explain(&w, 2, 0).passes);
	assert_int_equal(taken(), 1);
	limit_on(&next, "a", 2);
	edit = edit_of(&p, &next);
	assert_int_equal(
		try_prepare(&w, &(struct classifier_change){.edits = &edit, .edit_count = 1}, &plan,
			NULL),
		0);
	assert_int_equal(explain(&w, 1, datapath_generation(w.dp) + 1).available, BURST - 1);
	datapath_abort(w.dp);
	classifier_abort(w.classifier, plan);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_restart_keeps, clean),
		cmocka_unit_test_setup(test_slot_is_used_again, clean),
		cmocka_unit_test_setup(test_change_of_rate, clean),
		cmocka_unit_test_setup(test_cut_off_before_settling, clean),
		cmocka_unit_test_setup(test_abort_keeps, clean),
		cmocka_unit_test_setup(test_other_sizes, clean),
		cmocka_unit_test_setup(test_explain, clean),
	};

	sandbox_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
