/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "churn.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "fixture.h"
#include "frame.h"
#include "packet_filter.skel.h"
#include "sandbox.h"

#define FRAMES 200u /* in one run: how long a grace period can take */

static const char *const frames[CHURN_FLOWS] = {
	"ip4 tcp dport=80", "bad4 tcp dport=80", "ip6 udp dport=53", "bad6 udp dport=53"};

struct sender {
	pthread_t thread;
	unsigned int number;
	uint64_t runs; /* ended */
};

static struct fixture fixture;
static struct sender senders[CHURN_SENDERS];
static unsigned int sender_count;
static bool stop;
static const struct churn_row *rows; /* mapped */
static struct churn_row judged[CHURN_ROWS];
static struct churn churn;
static const struct churn_step *step;               /* that is under way */
static enum { UNCHANGED, FLIPPING, CHANGED } phase; /* of it */
static void (*fixture_prepared)(void *data, const struct classifier_plan *plan);

static void fail(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- senders */

static void send_flow(const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->data,
		.data_size_in = (uint32_t)frame->size, .repeat = FRAMES);

	if (bpf_prog_test_run_opts(bpf_program__fd(fixture.skeleton->progs.packet_churn), &options))
		fail("BPF_PROG_TEST_RUN");
}

static void *send_all(void *argument)
{
	static struct frame all[CHURN_SENDERS][CHURN_FLOWS];
	struct sender *sender = argument;

	for (unsigned int flow = 0; flow < CHURN_FLOWS; flow++) {
		const uint8_t mac[6] = {CHURN_MAC, 0, 0, 0, (uint8_t)sender->number, (uint8_t)flow};
		struct frame *frame = &all[sender->number][flow];

		frame_build(frame, frames[flow]);
		memcpy(frame->data, mac, sizeof(mac));
		memcpy(frame->data + sizeof(mac), mac, sizeof(mac));
	}
	for (unsigned int i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		send_flow(&all[sender->number][i % CHURN_FLOWS]);
		__atomic_add_fetch(&sender->runs, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Until every thread has ended so many runs more. */
static void wait_runs(uint64_t count)
{
	uint64_t from[CHURN_SENDERS];

	for (unsigned int i = 0; i < sender_count; i++)
		from[i] = __atomic_load_n(&senders[i].runs, __ATOMIC_ACQUIRE);
	for (unsigned int i = 0; i < sender_count; i++)
		while (__atomic_load_n(&senders[i].runs, __ATOMIC_ACQUIRE) - from[i] < count)
			sched_yield();
}

void churn_wait(void)
{
	wait_runs(CHURN_FLOWS + 1);
}

/* --- the judge */

static bool may_be(unsigned int flow, int verdict)
{
	return (phase != CHANGED && verdict == step->before[flow]) ||
	       (phase != UNCHANGED && verdict == step->after[flow]);
}

static void judge_verdict(unsigned int row, int verdict)
{
	static const char *const phases[] = {"before", "during", "after"};
	unsigned int flow = row % CHURN_FLOWS;
	uint64_t all = __atomic_load_n(&rows[row].verdict[verdict], __ATOMIC_ACQUIRE);
	uint64_t more = all - judged[row].verdict[verdict];

	judged[row].verdict[verdict] = all;
	churn.packets += more;
	churn.seen[flow][verdict] += more;
	if (!more || may_be(flow, verdict))
		return;
	churn.mixtures += more;
	fprintf(stderr,
		"commit %llu: %llu packets of \"%s\" came to %d %s it, where %d was and %d comes\n",
		(unsigned long long)churn.commits, (unsigned long long)more, frames[flow], verdict,
		phases[phase], step->before[flow], step->after[flow]);
}

static void judge(void)
{
	for (unsigned int row = 0; row < CHURN_ROWS; row++)
		for (int verdict = 0; verdict < CHURN_VERDICTS; verdict++)
			judge_verdict(row, verdict);
}

/*
 * Who is in a run now has ended it when this returns, and a packet lives no longer
 * than its run: the same promise as the kernel's grace period, a hundred times as soon.
 */
static void grace(void *data)
{
	(void)data;
	wait_runs(1);
	judge();
	if (phase == FLIPPING)
		phase = CHANGED;
}

static void prepared(void *data, const struct classifier_plan *plan)
{
	struct pep_ruleset *next = &fixture.config->ruleset[plan->generation & 1];

	fixture_prepared(data, plan);
	memset(next->default_block, step->block, sizeof(next->default_block));
}

static struct classifier_plan *plan_step(const struct churn_step *next, struct error *err)
{
	struct classifier_plan *plan = NULL;

	step = next;
	phase = UNCHANGED;
	judge();
	return engine_plan(&fixture.engine, &step->change, err, &plan) ? NULL : plan;
}

void churn_commit(const struct churn_step *next)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct classifier_plan *plan = plan_step(next, &err);

	if (!plan) {
		fprintf(stderr, "churn: refused: %s\n", error_message(&err));
		exit(EXIT_FAILURE);
	}
	judge();
	phase = FLIPPING;
	engine_flip(&fixture.engine, plan);
	judge();
	churn.commits++;
}

void churn_abort(const struct churn_step *next, unsigned int failing)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct classifier_plan *plan;

	fixture.engine.chunks_fail = failing;
	plan = plan_step(next, &err);
	fixture.engine.chunks_fail = 0;
	if (plan) {
		wait_runs(1);
		judge();
		engine_abort(&fixture.engine, plan);
	}
	judge();
	churn.aborts++;
}

/* --- begin and end */

/* An attached program is in the kernel's dispatcher already: otherwise each run waits for that. */
static void attach(void)
{
	int ifindex = (int)if_nametoindex("in0");
	int fd = bpf_program__fd(fixture.skeleton->progs.packet_churn);

	if (bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL) < 0)
		fail("attach");
}

void churn_begin(void)
{
	sandbox_enter();
	fixture_init(&fixture, 0, CHURN_POLICIES);
	attach();
	rows = mmap(NULL, sizeof(judged), PROT_READ, MAP_SHARED,
		bpf_map__fd(fixture.skeleton->maps.churn_rows), 0);
	if (rows == MAP_FAILED)
		fail("mmap");
	fixture_prepared = fixture.engine.prepared;
	fixture.engine.prepared = prepared;
	fixture.engine.grace = grace;
	fixture_ruleset(&fixture)->event_rate = 0;
	/* The one who commits needs a CPU, too. */
	sender_count = MIN((unsigned int)MAX(sysconf(_SC_NPROCESSORS_ONLN) - 1, 1L), CHURN_SENDERS);
	for (unsigned int i = 0; i < sender_count; i++) {
		senders[i].number = i;
		errno = pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
		if (errno)
			fail("pthread_create");
	}
}

struct churn churn_now(void)
{
	return churn;
}

struct engine *churn_engine(void)
{
	return &fixture.engine;
}

struct churn churn_end(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < sender_count; i++)
		pthread_join(senders[i].thread, NULL);
	judge();
	fixture_deinit(&fixture);
	return churn;
}
