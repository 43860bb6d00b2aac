/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sessions of appends and rewrites on a disk that fails, with the process killed or the power lost
 * at any call: what is read afterwards is exactly what was acknowledged, and at most the
 * one change that was not, whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "crash_fs.h"
#include "server/journal.h"
#include "tests/lib/amount.h"

#define SEED     20260101u
#define SESSIONS 20000u
#define STEPS    12u
#define RECORDS  24u
#define STATES   24u

struct records {
	uint64_t sequences[RECORDS];
	unsigned int count;
};

/* What a restart may find. The first is what the journal has. */
static struct records may[STATES];
static unsigned int may_count;
static struct records found;
static uint64_t sequence;
static uint32_t seed;

/* Of a length and with bytes that its number decides. */
static struct journal_record make_record(uint64_t number, uint8_t *bytes)
{
	for (unsigned int i = 0; i < number % 61; i++)
		bytes[i] = (uint8_t)(number * 37 + i);
	return (struct journal_record){(uint8_t)number, number, bytes, number % 61};
}

static int see(void *data, const struct journal_record *record, struct error *err)
{
	uint8_t bytes[64];
	struct journal_record made = make_record(record->sequence, bytes);

	(void)data;
	(void)err;
	if (made.kind != record->kind || made.size != record->size ||
		memcmp(made.payload, record->payload, made.size) != 0 || found.count == RECORDS)
		fail_msg("seed %u: record %llu is another", seed, (unsigned long long)record->sequence);
	found.sequences[found.count++] = record->sequence;
	return 0;
}

static bool same(const struct records *a, const struct records *b)
{
	return a->count == b->count &&
		memcmp(a->sequences, b->sequences, a->count * sizeof(a->sequences[0])) == 0;
}

static void is_allowed(const struct journal *j)
{
	for (unsigned int i = 0; i < may_count; i++) {
		if (same(&may[i], &found)) {
			may[0] = found;
			may_count = 1;
			if (crash_fs_has("journal.damaged"))
				fail_msg("seed %u: %s", seed, journal_notice(j));
			return;
		}
	}
	fail_msg("seed %u: %u records were read, %u are acknowledged", seed, found.count, may[0].count);
}

/* Fails only when a call of it is made to. */
static struct journal *open_journal(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct journal *j = NULL;

	found.count = 0;
	if (!journal_open(CRASH_FS_DIR, see, NULL, &j, &err))
		is_allowed(j);
	else if (!crash_fs_faulted())
		fail_msg("seed %u: %s", seed, error_message(&err));
	return j;
}

/* It is `next` that the journal has now, or may have, or has not. */
static void learn(int r, const struct error *err, const struct records *next)
{
	if (r && !crash_fs_faulted())
		fail_msg("seed %u: %s", seed, error_message(err));
	if (!r)
		may_count = 0;
	if (!r || err->kind == ERROR_UNKNOWN || crash_fs_dead()) {
		assert_true(may_count < STATES);
		may[may_count++] = *next;
	}
}

static void change(struct journal *j, bool rewrite, unsigned int count)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct records next = rewrite ? (struct records){0} : may[0];
	struct journal_record records[RECORDS];
	uint8_t bytes[RECORDS][64];
	int r;

	if (crash_fs_dead())
		return;
	for (unsigned int i = 0; i < count; i++) {
		records[i] = make_record(++sequence, bytes[i]);
		next.sequences[next.count++] = sequence;
	}
	r = rewrite ? journal_rewrite(j, records, count, &err) : journal_append(j, records, count, &err);
	learn(r, &err, &next);
}

static void step(struct journal *j)
{
	unsigned int count = 1 + crash_fs_random(4);

	change(j, may[0].count + count > RECORDS || crash_fs_random(4) == 0, count);
}

static void begin(uint32_t number)
{
	seed = number;
	crash_fs_begin(seed);
	sequence = 0;
	may[0].count = 0;
	may_count = 1;
	crash_fs_fault(0, CRASH_FS_FAIL, 0);
}

static struct journal *restart(struct journal *j, bool power)
{
	journal_close(j);
	crash_fs_restart(power);
	crash_fs_fault(0, CRASH_FS_FAIL, 0);
	return open_journal();
}

/* Each call of a session, in each way, then what it may leave, then that it goes on. */
static bool scripted(unsigned int nth, enum crash_fault fault, unsigned int more, bool power)
{
	static const unsigned int script[][2] = {{0, 2}, {0, 1}, {1, 3}, {0, 4}, {1, 0}, {0, 3}};
	struct journal *j;
	bool faulted;

	begin(1 + nth * 7 + (unsigned int)fault);
	crash_fs_fault(nth, fault, more);
	j = open_journal();
	for (size_t i = 0; j && i < ARRAY_SIZE(script); i++)
		change(j, script[i][0], script[i][1]);
	faulted = crash_fs_faulted();
	j = restart(j, power);
	change(j, false, 2);
	assert_int_equal(may_count, 1);
	journal_close(restart(j, true));
	return faulted;
}

static void test_each_call(void **state)
{
	unsigned int nth = 1;

	(void)state;
	for (bool faulted = true; faulted; nth++) {
		faulted = false;
		for (unsigned int i = 0; i < 4 * CRASH_FS_FAULTS; i++)
			faulted |= scripted(nth, i / 4, i & 1, i & 2);
	}
	assert_true(nth > 20);
}

static void session(uint32_t number)
{
	struct journal *j;

	begin(number);
	j = open_journal();
	for (unsigned int i = 0; i < STEPS; i++) {
		if (crash_fs_random(3) == 0)
			crash_fs_fault(1 + crash_fs_random(12), crash_fs_random(CRASH_FS_FAULTS),
				crash_fs_random(3));
		if (j)
			step(j);
		if (!j || crash_fs_random(4) == 0)
			j = restart(j, crash_fs_random(2));
	}
	journal_close(restart(j, true));
}

static void test_random_sessions(void **state)
{
	uint32_t sessions = (uint32_t)amount(SESSIONS);

	(void)state;
	print_message("%u sessions from seed %u\n", sessions, SEED);
	for (uint32_t i = 0; i < sessions; i++)
		session(SEED + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call),
		cmocka_unit_test(test_random_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
