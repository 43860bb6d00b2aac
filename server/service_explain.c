/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ExplainPacket: the packet program decides, about the ruleset in force on the loop,
 * about a candidate on the worker; why others did not is read off the model.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "common/flow.h"
#include "common/policy_match.h"
#include "server/event_pack.h"
#include "server/service.h"

#define CONSIDERED_MAX 1000u /* policies that are told of beside the one that decides */

_Static_assert((int)PEPCTL__V1__REASON__REASON_POLICY == PEP_REASON_POLICY &&
		       (int)PEPCTL__V1__REASON__REASON_DEFAULT == PEP_REASON_DEFAULT &&
		       (int)PEPCTL__V1__REASON__REASON_MALFORMED == PEP_REASON_MALFORMED &&
		       (int)PEPCTL__V1__REASON__REASON_FRAGMENT == PEP_REASON_FRAGMENT &&
		       (int)PEPCTL__V1__REASON__REASON_HEADERS == PEP_REASON_HEADERS,
	"reasons of the proto and of the packet program");

/* A question, from the request to its answer. */
struct explain {
	struct service *service;
	struct call *call;
	uint8_t frame[FLOW_BYTES_MAX];
	size_t size;
	char iface[IFACE_NAME_SIZE];
	struct pep_explain kernel;
	struct datapath_explained facts;
	struct policy_packet packet;
	struct store_view *view;
	Pepctl__V1__ExplainPacketResponse *answer; /* in the call's arena */
	char *warning;                             /* in the answer; "" = none */
	struct error err;                          /* there is no answer */
};

/* --- the packet */

static void packet_model(struct explain *e)
{
	const struct pep_packet *p = &e->kernel.packet;
	struct policy_packet *m = &e->packet;

	*m = (struct policy_packet){
		.family = p->family,
		.proto = p->proto,
		.has_ports = p->has_ports,
		.has_icmp = p->has_icmp,
		.has_tcp = p->has_tcp,
		.has_vlan = p->vlan != PEP_VLAN_NONE,
		.sport = ntohs(p->sport),
		.dport = ntohs(p->dport),
		.vlan = p->vlan,
		.icmp_type = p->icmp_type,
		.icmp_code = p->icmp_code,
		.tcp_flags = p->tcp_flags,
		.discovery = p->discovery,
		.flow_percent = e->facts.flow_percent,
	};
	memcpy(m->src, p->src, sizeof(m->src));
	memcpy(m->dst, p->dst, sizeof(m->dst));
	memcpy(m->iface, e->iface, sizeof(m->iface));
}

static char *address_text(struct arena *arena, uint8_t family, const void *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (family)
		inet_ntop(family == 6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	return arena_strdup(arena, text);
}

static bool add_transport(struct explain *e, Pepctl__V1__Packet *m)
{
	const struct policy_packet *p = &e->packet;

	if (p->has_ports) {
		m->sport_present_case = PEPCTL__V1__PACKET__SPORT_PRESENT_SPORT;
		m->dport_present_case = PEPCTL__V1__PACKET__DPORT_PRESENT_DPORT;
		m->sport = p->sport;
		m->dport = p->dport;
	}
	if (p->has_tcp) {
		m->tcp_flags_present_case = PEPCTL__V1__PACKET__TCP_FLAGS_PRESENT_TCP_FLAGS;
		m->tcp_flags = p->tcp_flags;
	}
	if (!p->has_icmp)
		return true;
	m->icmp_type = SERVICE_MESSAGE(e->call, icmp_type);
	if (!m->icmp_type)
		return false;
	m->icmp_type->type = p->icmp_type;
	m->icmp_type->code_present_case = PEPCTL__V1__ICMP_TYPE__CODE_PRESENT_CODE;
	m->icmp_type->code = p->icmp_code;
	return true;
}

static bool add_packet(struct explain *e)
{
	Pepctl__V1__Packet *m = e->answer->packet = SERVICE_MESSAGE(e->call, packet);
	const struct pep_packet *p = &e->kernel.packet;
	struct arena *arena = call_arena(e->call);

	if (!m || !(m->src = address_text(arena, p->family, p->src)) ||
		!(m->dst = address_text(arena, p->family, p->dst)) ||
		!(m->parse_error = arena_strdup(
			  arena, event_parse_error_name((enum pep_parse_error)p->error))))
		return false;
	m->proto = p->proto;
	if (e->packet.has_vlan) {
		m->vlan_present_case = PEPCTL__V1__PACKET__VLAN_PRESENT_VLAN;
		m->vlan = p->vlan;
	}
	m->length = p->length;
	m->ip_length = p->ip_length;
	m->fragment = p->fragment;
	m->neighbour_discovery = p->discovery;
	return add_transport(e, m);
}

/* --- the policies that were asked */

static bool covers(void *data, const char *set, uint8_t family, const uint8_t *address)
{
	return store_view_covers(data, set, family, address);
}

static bool add_considered(struct explain *e, const struct store_policy *policy, bool decides)
{
	const struct policy_members members = {covers, e->view};
	Pepctl__V1__Considered *m = SERVICE_MESSAGE(e->call, considered);
	char why[POLICY_WHY_SIZE];

	if (!m)
		return false;
	m->matched = policy_match(&policy->policy, &e->packet, &members, why);
	if (m->matched)
		snprintf(why, sizeof(why), "%s",
			decides                 ? "decides"
			: policy->policy.shadow ? "matches, but is a shadow policy"
						: "matches");
	m->policy = arena_strdup(call_arena(e->call), policy->policy.name);
	m->why = arena_strdup(call_arena(e->call), why);
	e->answer->considered[e->answer->n_considered++] = m;
	return m->policy && m->why;
}

/* In deciding order up to the one that decides, NULL = none does. */
static bool add_policies(struct explain *e, const struct store_policy *decider)
{
	const struct store_policy *const *order;
	size_t count, above = 0, shown;

	if (store_view_policies(e->view, &order, &count))
		return false;
	while (above < count && order[above] != decider)
		above++;
	shown = MIN(above, CONSIDERED_MAX);
	e->answer->considered_total = above + (above < count);
	e->answer->considered =
		arena_array(call_arena(e->call), shown + 1, sizeof(*e->answer->considered));
	if (!e->answer->considered)
		return false;
	for (size_t i = 0; i < shown; i++)
		if (!add_considered(e, order[i], false))
			return false;
	return above == count || add_considered(e, decider, true);
}

/* --- the verdict */

static bool add_limiter(struct explain *e, const struct policy *policy)
{
	Pepctl__V1__LimiterState *m;

	if (!e->facts.limited)
		return true;
	m = e->answer->limiter = SERVICE_MESSAGE(e->call, limiter_state);
	if (!m)
		return false;
	m->available = e->facts.available;
	m->burst = e->facts.burst;
	m->unit = policy->action.rate_unit == POLICY_PACKETS ? PEPCTL__V1__RATE_UNIT__RATE_PACKETS
							     : PEPCTL__V1__RATE_UNIT__RATE_BYTES;
	m->passes = e->facts.passes;
	return true;
}

/* What the program does not know: the default of an interface that has never been attached. */
static bool is_unknown_default(const struct explain *e)
{
	return e->kernel.ruling.reason == PEP_REASON_DEFAULT && !e->kernel.packet.discovery &&
	       *e->iface && !datapath_iface_known(e->service->datapath, e->iface);
}

static bool add_verdict(struct explain *e, const struct store_policy *decider)
{
	Pepctl__V1__ExplainPacketResponse *m = e->answer;
	struct arena *arena = call_arena(e->call);

	m->verdict = (Pepctl__V1__ActionKind)e->kernel.ruling.action;
	m->reason = (Pepctl__V1__Reason)e->kernel.ruling.reason;
	if (is_unknown_default(e))
		m->verdict = store_view_default(e->view, e->iface)
				     ? PEPCTL__V1__ACTION_KIND__ACTION_BLOCK
				     : PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;
	m->policy = arena_strdup(arena, e->facts.policy);
	m->shadow = arena_strdup(arena, e->facts.shadow);
	m->line = arena_strdup(arena, decider ? decider->line : "");
	m->revision = store_view_revision(e->view);
	if (*e->warning) {
		m->warnings = &e->warning;
		m->n_warnings = 1;
	}
	return m->policy && m->shadow && m->line && (!decider || add_limiter(e, &decider->policy));
}

static bool make_answer(struct explain *e)
{
	const struct store_policy *decider =
		*e->facts.policy ? store_view_find(e->view, e->facts.policy) : NULL;
	uint8_t reason = e->kernel.ruling.reason;

	e->answer = SERVICE_MESSAGE(e->call, explain_packet_response);
	if (!e->answer || !add_packet(e) || !add_verdict(e, decider))
		return false;
	return (reason != PEP_REASON_POLICY && reason != PEP_REASON_DEFAULT) ||
	       add_policies(e, decider);
}

/* Fills answer or err. */
static void ask(struct explain *e, struct store_view *view)
{
	struct datapath *dp = e->service->datapath;
	uint64_t generation = view->next ? datapath_generation(dp) + 1 : 0;
	int r = datapath_explain(dp, e->frame, e->size, generation, e->iface, &e->kernel);

	e->view = view;
	if (r) {
		error_set(&e->err, ERROR_PRECONDITION, "KERNEL_REFUSED",
			"the kernel refuses to run the packet program on the frame: %s",
			strerror(-r));
		return;
	}
	datapath_explained(dp, &e->kernel, &e->facts);
	packet_model(e);
	if (!make_answer(e))
		error_set(&e->err, ERROR_LIMIT, "MEMORY",
			"the answer needs more memory than a request may use");
}

static void finish(struct explain *e, struct error *err)
{
	if (error_is_set(err))
		call_fail(e->call, err);
	else
		call_reply(e->call, &e->answer->base);
	free(e->warning);
	free(e);
}

/* --- a candidate */

/* On the worker: nobody else has the call, nor its arena. */
static void on_look(void *data, struct store_view *view)
{
	ask(data, view);
}

static void on_tried(void *data, const struct store_result *result, struct error *err)
{
	struct explain *e = data;

	(void)result;
	finish(e, err ? err : &e->err);
}

static int read_candidate(
	struct explain *e, const Pepctl__V1__ExplainPacketRequest *request, struct store_tx *ret)
{
	const struct rpc_peer *peer = call_peer(e->call);
	int r;

	if (!(peer->rights & RIGHT_ADMIN))
		return error_set(&e->err, ERROR_DENIED, "NO_RIGHT",
			"asking about a candidate needs root or a member of pepctld's admin group; "
			"uid %u is "
			"neither",
			peer->uid);
	service_tx_init(e->call, ret);
	ret->validate_only = true;
	ret->look = on_look;
	r = service_read_mode(request->mode, &ret->mode, &e->err);
	if (!r)
		r = service_read_operations(
			request->operations, request->n_operations, &ret->changes, &e->err);
	if (r)
		change_list_deinit(&ret->changes);
	return r;
}

/* --- the request */

static int read_frame(struct explain *e, const Pepctl__V1__ExplainPacketRequest *request)
{
	struct flow flow;
	size_t size = request->frame.len;

	if (request->packet_case == PEPCTL__V1__EXPLAIN_PACKET_REQUEST__PACKET_FLOW) {
		if (flow_from_proto(request->flow, "flow", &flow, &e->err))
			return -EINVAL;
		e->size = flow_build(&flow, e->frame);
		return 0;
	}
	if (request->packet_case != PEPCTL__V1__EXPLAIN_PACKET_REQUEST__PACKET_FRAME)
		return error_violation(&e->err, "flow", "neither flow nor frame is given");
	if (size < FLOW_BYTES_MIN || size > FLOW_BYTES_MAX)
		return error_violation(&e->err, "frame", "%zu bytes; a frame has %u to %u", size,
			FLOW_BYTES_MIN, FLOW_BYTES_MAX);
	memcpy(e->frame, request->frame.data, size);
	e->size = size;
	return 0;
}

/* A candidate may name interfaces that are yet to come. */
static int read_iface(struct explain *e, const char *name, bool candidate)
{
	const struct datapath *dp = e->service->datapath;
	const struct datapath_iface *known = datapath_iface_by_name(dp, name);
	bool exists;
	int r = 0;

	if (*name && !iface_name_valid(name))
		return error_violation(&e->err, "iface", "\"%.80s\" is no interface name", name);
	snprintf(e->iface, sizeof(e->iface), "%s", name);
	exists = !*name || if_nametoindex(name);
	if (!exists && !candidate && !datapath_iface_known(dp, name))
		return error_set(&e->err, ERROR_NOT_FOUND, "NO_INTERFACE",
			"there is no interface %s, and the ruleset names none", name);
	if (*name && (!known || known->state != DATAPATH_ATTACHED))
		r = asprintf(&e->warning,
			"%s; the answer is what would be decided if %s were attached",
			exists ? "nothing is filtered there now" : "there is no such interface now",
			name);
	else
		e->warning = strdup("");
	if (r < 0)
		e->warning = NULL;
	return e->warning ? 0 : error_set(&e->err, ERROR_LIMIT, "MEMORY", "out of memory");
}

static void explain_packet(void *data, struct call *call)
{
	const Pepctl__V1__ExplainPacketRequest *request = call_request(call);
	bool candidate = request->n_operations || request->mode;
	struct explain *e = calloc(1, sizeof(*e));
	struct store_tx tx = {0};

	if (!e) {
		service_fail_memory(call);
		return;
	}
	e->service = data;
	e->call = call;
	if (read_frame(e, request) || read_iface(e, request->iface, candidate) ||
		(candidate && read_candidate(e, request, &tx))) {
		finish(e, &e->err);
	} else if (candidate) {
		arena_reset(call_arena(call)); /* the request has been taken over */
		store_submit(e->service->store, &tx, on_tried, e);
	} else {
		struct store_view view = {.store = e->service->store};

		ask(e, &view);
		finish(e, &e->err);
	}
}

void service_explain_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_EXPLAIN_PACKET, explain_packet, s);
}
