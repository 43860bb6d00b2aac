/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The promises of a rate limit, by simulation on a clock of its own: in any
 * interval passed <= rate * t + burst + one frame; under steady overload
 * passed >= 0.98 * rate * t - one frame. Sums are exact, in units of
 * 1/10^9 byte (bit, packet), so nothing is lost to rounding in the test.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "bpf/limiter.h"

#define BILLION 1000000000ll

__extension__ typedef __int128 wide;

struct promise {
	struct pep_rule rule;
	struct pep_limiter limiter;
	uint64_t rate;
	uint64_t burst;    /* bytes or packets */
	uint64_t per_unit; /* rate units in a byte or packet */
	uint64_t passed;   /* rate units */
	uint64_t offered;
	wide lowest; /* of passed * 10^9 - rate * time so far */
	uint32_t largest;
	int started;
};

static void promise_init(struct promise *p, uint64_t rate, enum pep_limit_unit unit, uint64_t burst)
{
	*p = (struct promise){.rate = rate, .per_unit = unit == PEP_LIMIT_BITS ? 8 : 1};
	p->burst = burst ? burst : pep_limit_default_burst(rate, unit);
	assert_int_equal(pep_limiter_parameters(rate, unit, burst, &p->rule), 0);
}

/* Offers a packet and checks the upper promise over every interval that ends with it. */
static void offer(struct promise *p, uint64_t now, uint32_t size)
{
	uint32_t units = p->rule.flags & PEP_RULE_LIMIT_PACKETS ? 1 : size;
	wide debt = (wide)p->passed * BILLION - (wide)p->rate * (wide)now;
	wide bound;

	if (!p->started++ || debt < p->lowest)
		p->lowest = debt;
	if (units > p->largest)
		p->largest = units;
	p->offered += units * p->per_unit;
	if (!pep_limit_pass(&p->limiter, &p->rule, now, units))
		return;
	p->passed += units * p->per_unit;
	debt += (wide)(units * p->per_unit) * BILLION;
	bound = (wide)(p->burst + p->largest) * (wide)p->per_unit * BILLION;
	assert_true(debt - p->lowest <= bound);
}

static void check_lower(const struct promise *p, uint64_t t)
{
	wide least =
		(wide)p->rate * (wide)t * 98 / 100 - (wide)(p->largest * p->per_unit) * BILLION;

	assert_true((wide)p->passed * BILLION >= least);
}

/* How many ns a packet of the size would have at the rate, at least 1. */
static uint64_t spacing(const struct promise *p, uint32_t size)
{
	uint64_t units = p->rule.flags & PEP_RULE_LIMIT_PACKETS ? 1 : size;
	uint64_t ns = (uint64_t)((wide)units * (wide)p->per_unit * BILLION / (wide)p->rate);

	return ns ? ns : 1;
}

/* Offers twice the rate, ten bursts long or so, at a constant or varying size. */
static void overload(
	uint64_t rate, enum pep_limit_unit unit, uint64_t burst, uint32_t size, int mixed)
{
	static const uint32_t sizes[] = {46, 9000, 64, 1500, 576, 1280, 40, 8999};
	const uint64_t start = 123456789012345ull;
	struct promise p;
	uint64_t now = start;

	promise_init(&p, rate, unit, burst);
	for (size_t i = 0; i < 20000; i++) {
		uint32_t n = mixed ? sizes[(i * 2654435761u >> 16) % 8] : size;

		offer(&p, now, n);
		now += spacing(&p, n) / 2;
	}
	check_lower(&p, now - start);
}

static const uint64_t byte_rates[] = {
	1000, 1001, 12345, 1000000, 125000000, 999999937, 12500000000ull};
static const uint32_t frame_sizes[] = {46, 64, 65, 576, 1500, 4096, 9000};

static void test_overload_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(byte_rates) / sizeof(byte_rates[0]); i++) {
		for (size_t j = 0; j < sizeof(frame_sizes) / sizeof(frame_sizes[0]); j++) {
			overload(byte_rates[i], PEP_LIMIT_BYTES, 0, frame_sizes[j], 0);
			overload(byte_rates[i], PEP_LIMIT_BYTES, 20000, frame_sizes[j], 0);
		}
		overload(byte_rates[i], PEP_LIMIT_BYTES, 65536, 0, 1);
	}
}

static void test_overload_bits(void **state)
{
	static const uint64_t rates[] = {8000, 9600, 1000000, 100000000, 10000000000, 100000000000};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (size_t j = 0; j < sizeof(frame_sizes) / sizeof(frame_sizes[0]); j++)
			overload(rates[i], PEP_LIMIT_BITS, 30000, frame_sizes[j], 0);
}

static void test_overload_packets(void **state)
{
	static const uint64_t rates[] = {1, 7, 1000, 1000000, 33333333, 148809523};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		overload(rates[i], PEP_LIMIT_PACKETS, 0, 64, 0);
		overload(rates[i], PEP_LIMIT_PACKETS, 64, 9000, 0);
	}
}

/* Over 100 ms at 100 Gb/s rounding would show: a floor of the cost lets 0.1 % too much pass. */
static void test_long_run(void **state)
{
	struct promise p;
	uint64_t now = 1;

	(void)state;
	promise_init(&p, 100000000000ull, PEP_LIMIT_BITS, 65536);
	for (; now < 10000000; now += 4)
		offer(&p, now, 64);
	check_lower(&p, now - 1);
	assert_true(p.offered > p.passed);
}

/* Bursts, silence of hours, bursts again: the bucket is full, once. */
static void test_idle(void **state)
{
	struct promise p;
	uint64_t now = 5;
	uint64_t before;

	(void)state;
	promise_init(&p, 12500000000ull, PEP_LIMIT_BYTES, 1000000);
	for (int i = 0; i < 50; i++) {
		before = p.passed;
		for (int j = 0; j < 300; j++)
			offer(&p, now, 9000);
		assert_in_range(p.passed - before, 1000000, 1000000 + 9000);
		now += (uint64_t)(i + 1) * 7 * 3600 * BILLION;
	}
}

/* Within the rate nothing is dropped, down to a burst of one frame. */
static void test_within_rate(void **state)
{
	struct promise p;

	(void)state;
	promise_init(&p, 1000000, PEP_LIMIT_BYTES, 1500);
	for (uint64_t i = 0; i < 10000; i++)
		offer(&p, 77 + i * 1500001, 1500);
	assert_int_equal(p.passed, p.offered);
}

static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static void test_random_arrivals(void **state)
{
	uint32_t seed = 2463534242u;
	struct promise p;
	uint64_t now;

	(void)state;
	for (size_t i = 0; i < sizeof(byte_rates) / sizeof(byte_rates[0]); i++) {
		promise_init(&p, byte_rates[i], PEP_LIMIT_BYTES, 1 + random_next(&seed) % 100000);
		now = random_next(&seed);
		for (int j = 0; j < 50000; j++) {
			uint32_t size = 46 + random_next(&seed) % 8955;

			offer(&p, now, size);
			now += spacing(&p, size) * (random_next(&seed) % 1000) / 500;
		}
	}
}

/* The limiter clock wraps after 834 days of uptime. */
static void test_clock_wrap(void **state)
{
	const uint64_t wrap = 1ull << (64 - PEP_LIMIT_CLOCK_SHIFT);
	struct promise p;
	uint64_t now = wrap - 10000000;

	(void)state;
	promise_init(&p, 125000000, PEP_LIMIT_BYTES, 65536);
	for (; now < wrap + 10000000; now += 4000)
		offer(&p, now, 1000);
	check_lower(&p, 20000000);
}

static struct promise shared;

static void *take(void *argument)
{
	uint64_t *passed = argument;

	for (int i = 0; i < 50000; i++)
		*passed += (uint64_t)pep_limit_pass(&shared.limiter, &shared.rule, 1000, 1);
	return NULL;
}

/* At an instant, four threads share one bucket: exactly the burst passes. */
static void test_threads(void **state)
{
	uint64_t passed[4] = {0};
	pthread_t threads[4];

	(void)state;
	promise_init(&shared, 1000, PEP_LIMIT_PACKETS, 40000);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take, &passed[i]), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(passed[0] + passed[1] + passed[2] + passed[3], 40000);
}

static void test_parameters(void **state)
{
	struct pep_rule untouched = {.redirect = 3, .flags = PEP_RULE_LOG};
	struct pep_rule rule = untouched;

	(void)state;
	assert_int_equal(pep_limiter_parameters(0, PEP_LIMIT_BYTES, 1, &rule), -EINVAL);
	assert_int_equal(
		pep_limiter_parameters(PEP_LIMIT_RATE_MAX + 1, PEP_LIMIT_BITS, 1, &rule), -EINVAL);
	assert_int_equal(pep_limiter_parameters(1, (enum pep_limit_unit)3, 1, &rule), -EINVAL);
	assert_int_equal(pep_limiter_parameters(1, PEP_LIMIT_BITS, UINT64_MAX, &rule), -ERANGE);
	assert_memory_equal(&rule, &untouched, sizeof(rule));
	for (uint64_t rate = 1; rate <= PEP_LIMIT_RATE_MAX; rate = rate * 3 + 1) {
		for (int unit = PEP_LIMIT_BITS; unit <= PEP_LIMIT_PACKETS; unit++) {
			assert_int_equal(
				pep_limiter_parameters(rate, (enum pep_limit_unit)unit, 0, &rule),
				0);
			assert_in_range(rule.limit_mul, 1, PEP_LIMIT_MUL_END - 1);
			assert_in_range(rule.limit_tau, 1, PEP_LIMIT_TAU_END - 1);
			assert_in_range(rule.limit_shift, 0, 62);
			assert_int_equal(rule.flags & PEP_RULE_LOG, PEP_RULE_LOG);
		}
	}
	assert_int_equal(pep_limit_default_burst(8000, PEP_LIMIT_BITS), 65536);
	assert_int_equal(pep_limit_default_burst(1000000, PEP_LIMIT_BYTES), 1000000);
	assert_int_equal(pep_limit_default_burst(5, PEP_LIMIT_PACKETS), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overload_bytes),
		cmocka_unit_test(test_overload_bits),
		cmocka_unit_test(test_overload_packets),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_within_rate),
		cmocka_unit_test(test_random_arrivals),
		cmocka_unit_test(test_clock_wrap),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
