/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* GetStats and WatchStats: tallies of the packet program into the figures of the contract. */
#include <errno.h>

#include "server/event_pack.h"
#include "server/service.h"

#define INTERVAL_DEFAULT 1000000000ll /* ns */
#define INTERVAL_MIN     100000000ll
#define INTERVAL_MAX     3600000000000ll
#define SAMPLE_MIN       200000000ll /* rates over less would jump */
#define SHARED_MAX       20000000ll  /* age of a sample that another watcher had */

/* One WatchStats stream. */
struct service_watch {
	struct service_watch *next, **link;
	struct service *service;
	struct call *call;
	uv_timer_t timer;
	uint64_t left; /* 0 = endless */
};

/* --- counters */

static void add_stats(struct pep_stats *sum, const struct pep_stats *more)
{
	for (size_t i = 0; i < PEP_TALLY_MAX; i++) {
		sum->tally[i].packets += more->tally[i].packets;
		sum->tally[i].bytes += more->tally[i].bytes;
	}
	for (size_t i = 0; i < PEP_PARSE_MAX; i++)
		sum->parse_errors[i] += more->parse_errors[i];
}

static struct pep_count sum_of(const struct pep_stats *stats, enum pep_tally first,
	enum pep_tally last)
{
	struct pep_count sum = {0};

	for (unsigned int i = first; i <= last; i++) {
		sum.packets += stats->tally[i].packets;
		sum.bytes += stats->tally[i].bytes;
	}
	return sum;
}

_Static_assert(PEP_TALLY_NON_IP == 0 && PEP_TALLY_ALLOW_MALFORMED + 1 == PEP_TALLY_BLOCK_DEFAULT &&
		       PEP_TALLY_BLOCK_FAILED + 1 == PEP_TALLY_REFLECT,
	"tallies stand in the order allowed, blocked, reflected, redirected");

static void set_blocked(Pepctl__V1__Counters *c, const struct pep_stats *stats)
{
	c->blocked_by_policy = stats->tally[PEP_TALLY_BLOCK_POLICY].packets;
	c->blocked_by_default = stats->tally[PEP_TALLY_BLOCK_DEFAULT].packets;
	c->blocked_by_rate = stats->tally[PEP_TALLY_BLOCK_RATE].packets;
	c->blocked_by_reject = stats->tally[PEP_TALLY_BLOCK_REJECT].packets;
	c->blocked_malformed = stats->tally[PEP_TALLY_BLOCK_MALFORMED].packets;
	c->blocked_fragments = stats->tally[PEP_TALLY_BLOCK_FRAGMENT].packets;
	c->blocked_headers = stats->tally[PEP_TALLY_BLOCK_HEADERS].packets;
	c->blocked_failed = stats->tally[PEP_TALLY_BLOCK_FAILED].packets;
}

static void set_totals(Pepctl__V1__Counters *c, const struct pep_stats *stats)
{
	struct pep_count allowed = sum_of(stats, PEP_TALLY_NON_IP, PEP_TALLY_ALLOW_MALFORMED);
	struct pep_count blocked = sum_of(stats, PEP_TALLY_BLOCK_DEFAULT, PEP_TALLY_BLOCK_FAILED);
	struct pep_count all = sum_of(stats, PEP_TALLY_NON_IP, PEP_TALLY_REDIRECT);

	c->packets_total = all.packets;
	c->bytes_total = all.bytes;
	c->packets_allowed = allowed.packets;
	c->bytes_allowed = allowed.bytes;
	c->packets_blocked = blocked.packets;
	c->bytes_blocked = blocked.bytes;
	c->packets_reflected = stats->tally[PEP_TALLY_REFLECT].packets;
	c->packets_redirected = stats->tally[PEP_TALLY_REDIRECT].packets;
	c->non_ip = stats->tally[PEP_TALLY_NON_IP].packets;
	for (unsigned int i = 0; i < PEP_TALLY_MAX; i++)
		if (PEP_TALLIES_LOOKED_UP & 1u << i)
			c->policy_lookups += stats->tally[i].packets;
}

static void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

	if (message)
		protobuf_c_message_init(descriptor, message);
	return message;
}
#define MESSAGE(arena, name) message_new(arena, &pepctl__v1__##name##__descriptor)

static bool set_parse_errors(Pepctl__V1__Counters *c, const struct pep_stats *stats,
	struct arena *arena)
{
	c->parse_errors_by_reason =
		arena_array(arena, PEP_PARSE_MAX, sizeof(*c->parse_errors_by_reason));
	for (unsigned int i = PEP_PARSE_OK + 1; c->parse_errors_by_reason && i < PEP_PARSE_MAX; i++) {
		Pepctl__V1__ParseErrors *m = MESSAGE(arena, parse_errors);

		if (!m || !(m->reason = arena_strdup(
				    arena, event_parse_error_name((enum pep_parse_error)i))))
			return false;
		m->count = stats->parse_errors[i];
		c->parse_errors += m->count;
		c->parse_errors_by_reason[c->n_parse_errors_by_reason++] = m;
	}
	return c->parse_errors_by_reason;
}

static Pepctl__V1__Counters *counters_of(const struct pep_stats *stats, struct arena *arena)
{
	Pepctl__V1__Counters *c = MESSAGE(arena, counters);

	if (!c)
		return NULL;
	set_totals(c, stats);
	set_blocked(c, stats);
	return set_parse_errors(c, stats, arena) ? c : NULL;
}

static bool add_interfaces(struct service *s, const struct pep_stats *all, struct arena *arena,
	Pepctl__V1__Stats *m)
{
	size_t count = datapath_iface_count(s->datapath);

	m->interfaces = arena_array(arena, count, sizeof(*m->interfaces));
	for (size_t i = 0; m->interfaces && i < count; i++) {
		const struct datapath_iface *iface = datapath_iface(s->datapath, i);
		Pepctl__V1__InterfaceCounters *each;

		if (!iface->slot) /* one too many */
			continue;
		each = MESSAGE(arena, interface_counters);
		if (!each || !(each->name = arena_strdup(arena, iface->name)) ||
			!(each->counters = counters_of(&all[iface->slot], arena)))
			return false;
		m->interfaces[m->n_interfaces++] = each;
	}
	return m->interfaces;
}

/* Since the daemon's start, unlike the counters: what nobody read then is nobody's loss now. */
static Pepctl__V1__EventCounters *event_counters(struct service *s, struct arena *arena)
{
	Pepctl__V1__EventCounters *m = MESSAGE(arena, event_counters);
	struct hub_totals totals = hub_totals(s->hub);

	if (!m)
		return NULL;
	m->numbered = totals.numbered;
	m->received = totals.received;
	m->suppressed = totals.suppressed;
	m->ring_full = totals.ring_full;
	m->subscriptions = totals.subscriptions;
	return m;
}

/* Rates are over the time since the last sample, whoever asked for it. */
static void set_rates(struct service *s, Pepctl__V1__Stats *m)
{
	int64_t now = service_monotonic_now(), passed = now - s->sample.time;

	if (s->sample.time && passed >= SAMPLE_MIN) {
		double seconds = (double)passed / 1e9;

		s->sample.block_rate =
			(double)(m->counters->packets_blocked - s->sample.blocked) / seconds;
		s->sample.packet_rate =
			(double)(m->counters->packets_total - s->sample.packets) / seconds;
	}
	m->block_rate = s->sample.block_rate;
	m->packet_rate = s->sample.packet_rate;
	if (s->sample.time && passed < SAMPLE_MIN)
		return;
	s->sample.time = now;
	s->sample.packets = m->counters->packets_total;
	s->sample.blocked = m->counters->packets_blocked;
}

Pepctl__V1__Stats *service_stats(struct service *s, struct arena *arena)
{
	Pepctl__V1__Stats *m = MESSAGE(arena, stats);
	_cleanup_free_ struct pep_stats *all = calloc(PEP_IFACES_MAX, sizeof(*all));
	struct pep_stats sum = {0};

	if (!m || !all || datapath_stats_all(s->datapath, all) < 0)
		return NULL;
	for (size_t i = 0; i < PEP_IFACES_MAX; i++)
		add_stats(&sum, &all[i]);
	m->time = service_wall_now();
	m->revision = store_revision(s->store);
	m->counters = counters_of(&sum, arena);
	m->events = event_counters(s, arena);
	if (!m->counters || !m->events || !add_interfaces(s, all, arena, m))
		return NULL;
	set_rates(s, m);
	return m;
}

static void get_stats(void *data, struct call *call)
{
	Pepctl__V1__Stats *m = service_stats(data, call_arena(call));

	if (m)
		call_reply(call, &m->base);
	else
		service_fail_memory(call);
}

/* --- WatchStats */

static void on_timer_closed(uv_handle_t *handle)
{
	free(CONTAINER_OF(handle, struct service_watch, timer));
}

static void watch_end(struct service_watch *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

static void on_cancelled(void *data)
{
	watch_end(data);
}

/* One sample for all who are due at about the same time, however many they are. */
static void share_sample(struct service *s)
{
	int64_t now = service_monotonic_now();
	Pepctl__V1__Stats *m;
	struct arena arena;

	if (s->shared.time && now - s->shared.time < SHARED_MAX)
		return;
	free(TAKE_PTR(s->shared.bytes));
	arena_init(&arena, ARENA_BUDGET_DEFAULT);
	m = service_stats(s, &arena);
	s->shared.size = m ? protobuf_c_message_get_packed_size(&m->base) : 0;
	s->shared.bytes = m ? malloc(s->shared.size) : NULL;
	if (s->shared.bytes)
		protobuf_c_message_pack(&m->base, s->shared.bytes);
	s->shared.time = now;
	arena_deinit(&arena);
}

/* A reader that is behind gets fewer samples, not a queue of old ones. */
static void on_watch(uv_timer_t *timer)
{
	struct service_watch *w = CONTAINER_OF(timer, struct service_watch, timer);
	struct service *s = w->service;

	if (!call_room(w->call))
		return;
	share_sample(s);
	if (s->shared.bytes)
		call_send_packed(w->call, s->shared.bytes, s->shared.size);
	if (w->left && !--w->left) {
		call_finish(w->call);
		watch_end(w);
	}
}

static void watch_stats(void *data, struct call *call)
{
	const Pepctl__V1__WatchStatsRequest *request = call_request(call);
	int64_t interval = request->interval_nano ? request->interval_nano : INTERVAL_DEFAULT;
	struct service *s = data;
	struct error err = ERROR_INIT;
	struct service_watch *w;

	if (interval < INTERVAL_MIN || interval > INTERVAL_MAX) {
		error_violation(&err, "interval_nano", "%lld is not from 100 ms to 1 h",
			(long long)interval);
		call_fail(call, &err);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		service_fail_memory(call);
		return;
	}
	w->service = s;
	w->call = call;
	w->left = request->count;
	w->next = s->watches;
	w->link = &s->watches;
	if (w->next)
		w->next->link = &w->next;
	s->watches = w;
	uv_timer_init(s->loop, &w->timer);
	call_watch(call, NULL, on_cancelled, w);
	uv_timer_start(&w->timer, on_watch, 0, (uint64_t)interval / 1000000);
}

void service_stats_init(struct service *s)
{
	rpc_handle(s->rpc, METHOD_GET_STATS, get_stats, s);
	rpc_handle(s->rpc, METHOD_WATCH_STATS, watch_stats, s);
}

/* Their calls have been cancelled with their connections. */
void service_stats_deinit(struct service *s)
{
	while (s->watches)
		watch_end(s->watches);
	free(TAKE_PTR(s->shared.bytes));
}
