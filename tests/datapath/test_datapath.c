/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * server/datapath on a real veth: attachments of every kind, and what is judged and told on them.
 * Frames are sent for real and counted.
 */
#include <arpa/inet.h>

#include "cmocka_all.h"
#include "datapath_world.h"

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
		cmocka_unit_test_setup(test_interface_goes_and_returns, clean),
		cmocka_unit_test_setup(test_dotted_name, clean),
		cmocka_unit_test_setup(test_ring, clean),
		cmocka_unit_test_setup(test_default_of_interface, clean),
	};

	sandbox_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
