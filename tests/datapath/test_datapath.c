/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * server/datapath on a real veth: starts of every kind, attachments, the commit,
 * and what survives a restart. Frames are sent for real and counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cmocka_all.h"
#include "sandbox.h"
#include "server/datapath.h"

#define PINS SANDBOX_BPFFS "/pepctl"
#define LINE "dns block dport 53" /* of whichever policy: only policy_map has it */

struct world {
	struct datapath *dp;
	struct classifier *classifier;
	enum datapath_start start;
	uint32_t max_policies;
	uint64_t revision;
	struct pep_policy adopted; /* the last one */
};

static int try_open(struct world *w, uint32_t max_policies, struct error *err)
{
	struct datapath_options options = {
		.pin_dir = PINS,
		.max_policies = max_policies,
		.ring_size = 65536,
	};

	w->max_policies = max_policies;
	return datapath_open(&options, err, &w->dp, &w->start);
}

static int adopt(void *data, uint32_t entry, const struct pep_policy *value, const char *redirect)
{
	struct world *w = data;
	int r = classifier_adopt(
		w->classifier, datapath_generation(w->dp), entry, value->name, redirect);

	if (!r)
		w->adopted = *value;
	return r;
}

static void open_only(struct world *w, uint32_t max_policies)
{
	struct classifier_memory memory;
	_cleanup_error_ struct error err = ERROR_INIT;

	*w = (struct world){0};
	if (try_open(w, max_policies, &err))
		fail_msg("%s", error_message(&err));
	memory = datapath_memory(w->dp);
	assert_int_equal(classifier_new(max_policies, &memory, &w->classifier), 0);
	assert_int_equal(datapath_walk(w->dp, adopt, w), 0);
	assert_int_equal(classifier_adopt_end(w->classifier), 0);
	w->revision = datapath_revision(w->dp);
}

/* After a rebuild policies come again by a commit, as from the state file. */
static void activate(struct world *w)
{
	datapath_carry(w->dp, w->classifier);
	assert_int_equal(datapath_activate(w->dp, NULL), 0);
}

static void open_world(struct world *w, uint32_t max_policies)
{
	open_only(w, max_policies);
	activate(w);
}

static void close_world(struct world *w)
{
	classifier_free(w->classifier);
	datapath_free(w->dp);
}

static void policy_on(struct policy *p, const char *name, uint16_t dport)
{
	policy_init(p);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->action.kind = POLICY_BLOCK;
	p->match.dport = (struct policy_ports){dport, dport};
	p->match.has_proto = true;
	p->match.proto = 17;
}

static struct classifier_edit edit_of(const struct policy *before, const struct policy *after)
{
	static uint32_t position;

	return (struct classifier_edit){.before = before, .after = after, .path = "",
		.line = LINE, .position = ++position,
		.src_set = CLASSIFIER_NO_SET, .dst_set = CLASSIFIER_NO_SET};
}

static int try_prepare(struct world *w, const struct classifier_change *change,
	struct classifier_plan **ret, struct error *err)
{
	struct datapath_default all = {.block = false};
	struct datapath_ruleset ruleset = {
		.revision = ++w->revision,
		.settings = {[SETTING_EVENT_RATE] = 1000000},
		.defaults = &all,
		.default_count = 1,
	};
	int r = classifier_plan(w->classifier, datapath_generation(w->dp) + 1, change, err, ret);

	if (!r)
		assert_int_equal(datapath_prepare(w->dp, w->classifier, *ret, &ruleset, NULL), 0);
	return r;
}

static void commit_change(struct world *w, const struct classifier_change *change)
{
	struct classifier_plan *plan = NULL;

	assert_int_equal(try_prepare(w, change, &plan, NULL), 0);
	datapath_flip(w->dp);
	classifier_commit(w->classifier, plan);
	datapath_grace();
	classifier_settle(w->classifier);
	datapath_settle(w->dp);
}

/* Commits one change; before and after may be NULL. */
static void commit(struct world *w, const struct policy *before, const struct policy *after)
{
	struct classifier_edit edit = edit_of(before, after);

	commit_change(w, &(struct classifier_change){.edits = &edit, .edit_count = 1});
}

static uint64_t tally_of(struct world *w, enum pep_tally tally)
{
	struct pep_stats stats[PEP_IFACES_MAX];
	uint64_t sum = 0;

	assert_int_equal(datapath_stats_all(w->dp, stats), 0);
	for (size_t i = 0; i < PEP_IFACES_MAX; i++)
		sum += stats[i].tally[tally].packets;
	return sum;
}

static uint64_t blocked(struct world *w)
{
	return tally_of(w, PEP_TALLY_BLOCK_POLICY);
}

/* What a test left that failed: to know that there is nothing, no program has to be loaded. */
static int clean(void **state)
{
	struct world w = {0};

	(void)state;
	if (access(PINS, F_OK) < 0)
		return 0;
	assert_int_equal(try_open(&w, 100, NULL), 0);
	datapath_remove(w.dp);
	datapath_free(w.dp);
	return 0;
}

static void test_attach_both_modes(void **state)
{
	static const enum attach_mode modes[] = {ATTACH_NATIVE, ATTACH_GENERIC};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const struct datapath_iface *iface;
		struct policy p;

		open_world(&w, 100);
		assert_int_equal(datapath_attach(w.dp, "in0", modes[i], false, NULL), 0);
		iface = datapath_iface_by_name(w.dp, "in0");
		assert_int_equal(iface->mode, modes[i]);
		assert_int_equal(iface->state, DATAPATH_ATTACHED);
		assert_string_equal(iface->driver, "veth");
		policy_on(&p, "dns", 53);
		commit(&w, NULL, &p);
		sandbox_send("ip4 udp dport=53", 5);
		sandbox_send("ip4 udp dport=54", 3);
		assert_int_equal(blocked(&w), 5);
		assert_true(tally_of(&w, PEP_TALLY_ALLOW_DEFAULT) >= 3);
		assert_int_equal(datapath_detach(w.dp, "in0", NULL), 0);
		sandbox_send("ip4 udp dport=53", 5);
		assert_int_equal(blocked(&w), 5);
		datapath_remove(w.dp);
		close_world(&w);
	}
}

static void expect(int r, struct error *err, enum error_kind kind, const char *reason)
{
	assert_true(r < 0);
	assert_int_equal(err->kind, kind);
	assert_string_equal(error_reason(err), reason);
	error_deinit(err);
}

static void test_attach_refusals(void **state)
{
	struct error err = ERROR_INIT;
	struct world w;
	int r;

	(void)state;
	open_world(&w, 100);
	r = datapath_attach(w.dp, "in0", ATTACH_OFFLOAD, false, &err);
	expect(r, &err, ERROR_PRECONDITION, "OFFLOAD");
	r = datapath_attach(w.dp, "nowhere", ATTACH_AUTO, false, &err);
	expect(r, &err, ERROR_NOT_FOUND, "NO_INTERFACE");
	r = datapath_attach(w.dp, "lo", ATTACH_NATIVE, false, &err);
	expect(r, &err, ERROR_PRECONDITION, "NO_NATIVE");
	assert_int_equal(datapath_attach(w.dp, "lo", ATTACH_AUTO, false, NULL), 0);
	assert_int_equal(datapath_iface_by_name(w.dp, "lo")->mode, ATTACH_GENERIC);
	assert_non_null(strstr(datapath_iface_by_name(w.dp, "lo")->reason, "no native XDP"));
	r = datapath_attach(w.dp, "lo", ATTACH_NATIVE, false, &err);
	expect(r, &err, ERROR_PRECONDITION, "OTHER_MODE");
	r = datapath_detach(w.dp, "in0", &err);
	expect(r, &err, ERROR_NOT_FOUND, "NOT_ATTACHED");
	datapath_remove(w.dp);
	close_world(&w);
}

static void test_foreign_program(void **state)
{
	struct error err = ERROR_INIT;
	struct world w;
	int r;

	(void)state;
	open_world(&w, 100);
	sandbox_run("ip link set dev in0 xdpgeneric obj " PACKET_FILTER_OBJECT " sec xdp.frags "
		    "2>/dev/null");
	r = datapath_attach(w.dp, "in0", ATTACH_AUTO, false, &err);
	assert_non_null(strstr(error_message(&err), "id "));
	expect(r, &err, ERROR_PRECONDITION, "INTERFACE_TAKEN");
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_AUTO, true, NULL), 0);
	assert_int_equal(datapath_iface_by_name(w.dp, "in0")->state, DATAPATH_FAILED);
	sandbox_run("ip link set dev in0 xdpgeneric off");
	datapath_refresh(w.dp, NULL, NULL);
	assert_int_equal(datapath_iface_by_name(w.dp, "in0")->state, DATAPATH_ATTACHED);
	datapath_remove(w.dp);
	close_world(&w);
}

static void test_restart_adopts(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_FRESH);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	sandbox_send("ip4 udp dport=53", 5);
	close_world(&w);
	sandbox_send("ip4 udp dport=53", 4); /* nobody runs, the filter does */

	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(w.revision, 1);
	assert_int_equal(classifier_count(w.classifier), 1);
	assert_string_equal(w.adopted.name, "dns");
	assert_string_equal(w.adopted.line, LINE);
	assert_int_equal(blocked(&w), 9);
	assert_int_equal(datapath_iface_by_name(w.dp, "in0")->mode, ATTACH_NATIVE);
	commit(&w, &p, NULL);
	sandbox_send("ip4 udp dport=53", 4);
	assert_int_equal(blocked(&w), 9);
	datapath_remove(w.dp);
	close_world(&w);
}

static void commit_all(struct world *w, const struct policy *policies, size_t count)
{
	struct classifier_edit edits[3];

	for (size_t i = 0; i < count; i++)
		edits[i] = edit_of(NULL, &policies[i]);
	commit_change(w, &(struct classifier_change){.edits = edits, .edit_count = count});
}

/* Sizes change: until the policies are there again and activated, the former program filters. */
static void test_other_sizes(void **state)
{
	static const uint32_t sizes[] = {200, 3};
	struct error err = ERROR_INIT;
	struct datapath_figures row;
	struct policy p[3];
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p[0], "a", 1);
	policy_on(&p[1], "b", 2);
	policy_on(&p[2], "c", 3);
	for (size_t i = 0; i < 3; i++)
		commit(&w, NULL, &p[i]);
	sandbox_send("ip4 udp dport=3", 5);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		close_world(&w);
		open_only(&w, sizes[i]);
		assert_int_equal(w.start, DATAPATH_REBUILT);
		assert_int_equal(classifier_count(w.classifier), 0);
		commit_all(&w, p, 3);
		activate(&w);
		sandbox_send("ip4 udp dport=3", 1);
		assert_int_equal(blocked(&w), 6 + i);
		datapath_policy_stats(w.dp, classifier_slot(w.classifier, "c"), &row);
		assert_int_equal(row.packets, 6 + i);
	}
	close_world(&w);
	open_world(&w, 3);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(classifier_count(w.classifier), 3);
	sandbox_send("ip4 udp dport=3", 1);
	assert_int_equal(blocked(&w), 8);
	close_world(&w);
	open_only(&w, 2);
	{
		struct classifier_edit edits[] = {
			edit_of(NULL, &p[0]), edit_of(NULL, &p[1]), edit_of(NULL, &p[2])};
		struct classifier_plan *plan = NULL;
		int r = try_prepare(&w, &(struct classifier_change){edits, 3, NULL, 0}, &plan, &err);

		expect(r, &err, ERROR_LIMIT, "POLICIES_FULL");
	}
	close_world(&w); /* not activated: the pins are still the former ones */
	open_world(&w, 3);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	sandbox_send("ip4 udp dport=3", 1);
	assert_int_equal(blocked(&w), 9);
	datapath_remove(w.dp);
	close_world(&w);
}

/* A daemon that ended between prepare and flip: the next flip must not bring its commit to life. */
static void test_ended_amid_commit(void **state)
{
	struct classifier_plan *plan = NULL;
	struct classifier_edit edits[2];
	struct policy a, b;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&a, "a", 1);
	commit(&w, NULL, &a);
	policy_on(&b, "b", 2);
	edits[0] = edit_of(&a, NULL);
	edits[1] = edit_of(NULL, &b);
	assert_int_equal(
		try_prepare(&w, &(struct classifier_change){edits, 2, NULL, 0}, &plan, NULL), 0);
	classifier_abort(w.classifier, plan);
	close_world(&w);
	open_world(&w, 100);
	assert_int_equal(classifier_count(w.classifier), 1);
	policy_on(&b, "c", 3);
	commit(&w, NULL, &b);
	sandbox_send("ip4 udp dport=1", 4);
	sandbox_send("ip4 udp dport=2", 8);
	assert_int_equal(blocked(&w), 4);
	datapath_remove(w.dp);
	close_world(&w);
}

/* A start that was cut off while it replaced the pins. */
static void test_cut_off(void **state)
{
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	close_world(&w);
	assert_int_equal(mkdir(PINS "/maps-next", 0700), 0);
	open_world(&w, 100);
	assert_int_equal(classifier_count(w.classifier), 1);
	close_world(&w);
	assert_int_equal(rename(PINS "/maps", PINS "/maps-next"), 0);
	assert_int_equal(mkdir(PINS "/maps-old", 0700), 0);
	open_world(&w, 100);
	assert_int_equal(w.start, DATAPATH_ADOPTED);
	assert_int_equal(classifier_count(w.classifier), 1);
	assert_true(access(PINS "/maps-old", F_OK) < 0);
	datapath_remove(w.dp);
	close_world(&w);
}

static void count_change(void *data, const struct datapath_iface *iface)
{
	(void)iface;
	++*(int *)data;
}

static void test_interface_goes_and_returns(void **state)
{
	struct policy p;
	struct world w;
	int changes = 0;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_AUTO, false, NULL), 0);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	sandbox_send("ip4 udp dport=53", 2);
	datapath_refresh(w.dp, count_change, &changes);
	assert_int_equal(changes, 0);
	sandbox_run("ip link del in0");
	datapath_refresh(w.dp, count_change, &changes);
	assert_int_equal(changes, 1);
	assert_int_equal(datapath_iface(w.dp, 0)->state, DATAPATH_ABSENT);
	sandbox_run("ip link add in0 type veth peer name out0 && ip link set in0 up && "
		    "ip link set out0 up");
	datapath_refresh(w.dp, count_change, &changes);
	assert_int_equal(changes, 2);
	assert_int_equal(datapath_iface(w.dp, 0)->state, DATAPATH_ATTACHED);
	sandbox_send("ip4 udp dport=53", 2);
	assert_int_equal(blocked(&w), 4);
	datapath_remove(w.dp);
	close_world(&w);
}

/* An interface with a dot in its name, which a pin cannot have. */
static void test_dotted_name(void **state)
{
	struct world w;

	(void)state;
	sandbox_run("ip link set in0 down && ip link set in0 name in.0 && ip link set in.0 up");
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in.0", ATTACH_AUTO, false, NULL), 0);
	close_world(&w);
	open_world(&w, 100);
	assert_int_equal(datapath_iface_by_name(w.dp, "in.0")->state, DATAPATH_ATTACHED);
	datapath_remove(w.dp);
	close_world(&w);
	sandbox_run("ip link set in.0 down && ip link set in.0 name in0 && ip link set in0 up");
}

static void test_folder(void **state)
{
	struct datapath_options options = {.pin_dir = "/tmp", .max_policies = 1, .ring_size = 4096};
	struct error err = ERROR_INIT;
	struct world w, second;
	int r;

	(void)state;
	r = datapath_open(&options, &err, &second.dp, &second.start);
	expect(r, &err, ERROR_PRECONDITION, "NO_BPFFS");
	open_world(&w, 100);
	expect(try_open(&second, 100, &err), &err, ERROR_PRECONDITION, "PIN_DIR_IN_USE");
	datapath_remove(w.dp);
	close_world(&w);
	assert_true(access(PINS, F_OK) < 0);
}

static void on_event(void *data, const struct pep_event *event)
{
	struct pep_event *events = data;

	events[event->number - 1 < 8 ? event->number - 1 : 7] = *event;
}

static void test_ring(void **state)
{
	struct pep_event events[8] = {0};
	struct policy p;
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	policy_on(&p, "dns", 53);
	commit(&w, NULL, &p);
	sandbox_send("ip4 udp dport=53", 5);
	assert_int_equal(datapath_ring_consume(w.dp, 2, on_event, events), 2);
	assert_int_equal(datapath_ring_consume(w.dp, 100, on_event, events), 3);
	assert_int_equal(datapath_ring_consume(w.dp, 100, on_event, events), 0);
	assert_string_equal(events[0].policy, "dns");
	assert_int_equal(ntohs(events[0].dport), 53);
	assert_string_equal(datapath_iface_name(w.dp, events[0].ifindex), "in0");
	datapath_remove(w.dp);
	close_world(&w);
}

static void test_default_of_interface(void **state)
{
	struct datapath_default defaults[] = {{.block = false}, {.iface = "in0", .block = true}};
	struct datapath_ruleset ruleset = {
		.revision = 1, .defaults = defaults, .default_count = ARRAY_SIZE(defaults)};
	struct world w;

	(void)state;
	open_world(&w, 100);
	assert_int_equal(datapath_prepare(w.dp, w.classifier, NULL, &ruleset, NULL), 0);
	datapath_abort(w.dp);
	assert_int_equal(datapath_generation(w.dp), 1);
	assert_int_equal(datapath_prepare(w.dp, w.classifier, NULL, &ruleset, NULL), 0);
	datapath_flip(w.dp);
	datapath_grace();
	datapath_settle(w.dp);
	assert_int_equal(datapath_attach(w.dp, "in0", ATTACH_NATIVE, false, NULL), 0);
	sandbox_send("ip4 udp dport=53", 3);
	assert_true(tally_of(&w, PEP_TALLY_BLOCK_DEFAULT) >= 3);
	datapath_remove(w.dp);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_attach_both_modes, clean),
		cmocka_unit_test_setup(test_attach_refusals, clean),
		cmocka_unit_test_setup(test_foreign_program, clean),
		cmocka_unit_test_setup(test_restart_adopts, clean),
		cmocka_unit_test_setup(test_other_sizes, clean),
		cmocka_unit_test_setup(test_ended_amid_commit, clean),
		cmocka_unit_test_setup(test_cut_off, clean),
		cmocka_unit_test_setup(test_interface_goes_and_returns, clean),
		cmocka_unit_test_setup(test_dotted_name, clean),
		cmocka_unit_test_setup(test_folder, clean),
		cmocka_unit_test_setup(test_ring, clean),
		cmocka_unit_test_setup(test_default_of_interface, clean),
	};

	sandbox_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
