/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "common/text.h"
#include "random_policy.h"

#define WORDS_MAX 64

/* Words at single spaces; no quotes. */
static int parse(const char *text, struct policy *ret, struct text_problems *problems)
{
	char copy[512];
	const char *words[WORDS_MAX];
	size_t count = 0;
	char *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")))
		words[count++] = word;
	return text_parse_policy(words, count, ret, problems);
}

/* What is written of a line that is read: itself, or `canonical`. */
static void test_lines(void **state)
{
	static const char *const rows[][2] = {
		{"web allow proto tcp dst 192.0.2.10 dport 80-443 priority 10", NULL},
		{"a block", NULL},
		{"a block src @bad log 1/100", NULL},
		{"a block proto udp sport 123 shadow", NULL},
		{"a block sport 123 proto udp shadow", "a block proto udp sport 123 shadow"},
		{"ssh-guard rate-limit 20pps burst 40 per src proto tcp dport 22", NULL},
		{"a rate-limit 10mbit", "a rate-limit 10Mbit"},
		{"a rate-limit 1.5MB/s burst 64KiB", "a rate-limit 1500kB/s burst 65536"},
		{"a rate-limit 500pps per src/24", NULL},
		{"a rate-limit 1Kibit per flow", "a rate-limit 1024bit per flow"},
		{"canary redirect eth1,eth2 dst 198.51.100.0/24 percent 5",
			"canary redirect eth1,eth2 dst 198.51.100.0/24 percent 5.00"},
		{"voice redirect eth1*3,eth2 fib vlan 30 proto udp dport 5060", NULL},
		{"m redirect eth1 mac 02:00:00:00:00:0a", NULL},
		{"trial reject src 2001:db8::/32 ttl 10m", NULL},
		{"t block ttl 90s", "t block ttl 1m30s"},
		{"t block ttl 87600h", "t block ttl 521w3d"},
		{"i block proto icmp icmp-type 3/4", NULL},
		{"i block icmp-type 8 proto 1", "i block proto icmp icmp-type 8"},
		{"f block proto tcp tcp-flags syn/syn,ack", NULL},
		{"f block proto tcp tcp-flags fin,syn", "f block proto tcp tcp-flags fin,syn/fin,syn"},
		{"f block proto tcp tcp-flags none/fin,syn,rst,psh,ack,urg,ece,cwr", NULL},
		{"n block iface eth1,eth0 nolog", "n block iface eth0,eth1 nolog"},
		{"z block src 0.0.0.0/0", NULL},
		{"p block dport 0-65535", "p block"},
		{"l allow log", NULL},
		{"v block src ::ffff:192.0.2.1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct text_problems problems = {0};
		struct policy p;
		char *line;

		if (parse(rows[i][0], &p, &problems))
			fail_msg("%s: %s", rows[i][0], problems.items[0].message);
		line = text_format_policy(&p);
		assert_string_equal(line, rows[i][1] ? rows[i][1] : rows[i][0]);
		free(line);
		policy_deinit(&p);
	}
}

/* The word at fault is named; `at` is its index. */
static void test_problems(void **state)
{
	static const struct {
		const char *line;
		unsigned int at;
		const char *says;
	} rows[] = {
		{"a/b block", 0, "\"a/b\" is no name"},
		{"a", 1, "the action is missing"},
		{"a drop", 1, "\"drop\" is no action"},
		{"a block src 10.0.0.0/33", 3, "\"10.0.0.0/33\""},
		{"a block src 10.0.0.1/24", 3, "bits set behind"},
		{"a block src 10.0.0", 3, "is no IPv4 or IPv6 address"},
		{"a block dport 65536", 3, "\"65536\" is no port"},
		{"a block dport 443-80", 3, "upside down"},
		{"a block dport -1", 3, "is no port"},
		{"a block dport", 3, "dport is missing"},
		{"a block color red", 2, "\"color\" is no keyword: src, dst"},
		{"a block tll 5m", 2, ", ttl, "},
		{"a block proto tcp proto udp", 4, "proto comes twice"},
		{"a block proto gre dport 1", 5, "has no ports"},
		{"a block src 10.0.0.1 dst ::1", 5, "no packet has both"},
		{"a rate-limit fast", 2, "\"fast\" is no rate"},
		{"a rate-limit 10", 2, "is no rate"},
		{"a rate-limit 0pps", 2, "is no rate"},
		{"a rate-limit 0.5pps", 2, "is no rate"},
		{"a rate-limit 1pps burst 1B", 4, "is no burst"},
		{"a rate-limit 1pps per src/129", 4, "is no scope"},
		{"a redirect eth1*0", 2, "a weight is from 1 to 255"},
		{"a redirect eth1,eth1", 2, "comes twice"},
		{"a redirect eth/1", 2, "is no interface name"},
		{"a redirect eth1 mac 02:00:00:00:00", 4, "is no MAC address"},
		{"a redirect eth1 mac 02:00:00:00:00:01 fib", 4, "mac and fib exclude each other"},
		{"a redirect eth1 fib mac 02:00:00:00:00:01", 5, "mac and fib exclude each other"},
		{"a redirect eth1 fib fib", 4, "\"fib\""},
		{"a block vlan 4095", 3, "is no VLAN id"},
		{"a block percent 0", 3, "is no share"},
		{"a block percent 5%5", 3, "is no share"},
		{"a redirect a\"b", 2, "is no interface name"},
		{"a redirect #x", 2, "is no interface name"},
		{"a rate-limit 1pps burst 2000G", 4, "the burst is at most 10^12"},
		{"a block percent 100.01", 3, "is no share"},
		{"a block log 1/0", 3, "is no 1/N"},
		{"a block log nolog", 3, "exclude each other"},
		{"a block ttl 5", 3, "is no duration"},
		{"a block ttl 99999999999h", 3, "is no duration"},
		{"a block ttl 87601h", 3, "a ttl is at most 10 years"},
		{"a block priority 4294967296", 3, "is no priority"},
		{"a block tcp-flags syn", 3, "tcp-flags needs proto tcp"},
		{"a block proto tcp tcp-flags syn,foo", 5, "VALUE/MASK"},
		{"a block icmp-type 8", 3, "icmp-type needs proto icmp"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct text_problems problems = {0};
		struct policy p;

		if (!parse(rows[i].line, &p, &problems))
			fail_msg("accepted: %s", rows[i].line);
		if (problems.items[0].column != rows[i].at ||
			!strstr(problems.items[0].message, rows[i].says))
			fail_msg("%s: word %u: %s", rows[i].line, problems.items[0].column,
				problems.items[0].message);
		text_problems_deinit(&problems);
	}
}

/* Every fault of a line is told, and only faults: the words of each, by index. */
static void test_all_problems(void **state)
{
	static const struct {
		const char *line, *at;
	} rows[] = {
		{"a/b drop src 10.0.0.0/33 dport x", "0 1 3 5 "},
		{"a block dport 99999 colour red proto tpc vlan 9 vlan 10", "3 4 7 10 "},
		{"a block dport 99999 colour", "3 4 "},
		{"a drop 10mbit per src proto tpc", "1 6 "},
		{"a src 10.0.0.x dport 80", "1 2 "},
		{"a block src dport 80 proto", "3 6 "},
		{"a rate-limit fast burst 40 per net dport x", "2 6 8 "},
		{"a rate-limit burst 40", "2 "},
		{"a rate-limit 5pps burst x per y", "4 6 "},
		{"a redirect eth/1,eth2*0 mac 1 vlan 5000", "2 2 4 6 "},
		{"a block comment x comment \"dport\" dport 0-x", "4 7 "},
		{"src", "1 "},
		{"a block proto udp dport 99999 dport", "5 6 "},
		{"a block proto gre dport 1 sport 2 log nolog", "7 5 9 "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct text_problems problems = {0};
		char at[100] = "";
		struct policy p;

		if (!parse(rows[i].line, &p, &problems))
			fail_msg("accepted: %s", rows[i].line);
		for (size_t j = 0; j < problems.count; j++)
			snprintf(at + strlen(at), sizeof(at) - strlen(at), "%u ", problems.items[j].column);
		if (!streq(at, rows[i].at))
			fail_msg("%s: problems at %s", rows[i].line, at);
		text_problems_deinit(&problems);
	}
}

static void test_written_reads_back(void **state)
{
	(void)state;
	random_policy_seed(20260101);
	for (size_t i = 0; i < 2000; i++) {
		struct text_problems problems = {0};
		struct change_list list = {0};
		struct policy p;
		char *line, *file = NULL;

		random_policy(&p);
		line = text_format_policy(&p);
		assert_true(asprintf(&file, "policy %s\n", line) > 0);
		if (text_parse_file(file, strlen(file), &list, &problems))
			fail_msg("%s: %s", line, problems.items[0].message);
		assert_int_equal(list.count, 1);
		if (!policy_equal(&p, &list.items[0].policy))
			fail_msg("differs: %s", line);
		change_list_deinit(&list);
		policy_deinit(&p);
		free(line);
		free(file);
	}
}

static void test_bytes(void **state)
{
	static const char *const wrong[] = {"", "Mi", "-1", "1.5", "1 Mi", "1MiBB", "1bit", "99999999999999999999"};
	static const struct {
		const char *word;
		uint64_t bytes;
	} rows[] = {
		{"0", 0}, {"65536", 65536}, {"256Mi", 256ull << 20}, {"1GiB", 1ull << 30}, {"1.5k", 1500}, {"2M", 2000000},
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(text_parse_bytes(rows[i].word, &bytes), 0);
		assert_int_equal(bytes, rows[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(text_parse_bytes(wrong[i], &bytes), -EINVAL);
}

static void test_durations(void **state)
{
	static const struct {
		const char *word;
		uint64_t ns;
		const char *canonical;
	} rows[] = {
		{"500ms", 500000000, "500ms"}, {"10m", 600000000000, "10m"},
		{"1h30m", 5400000000000, "1h30m"}, {"2d", 172800000000000, "2d"}, {"0s", 0, "0s"},
	};
	char text[32], message[160];
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(text_parse_duration(rows[i].word, &ns, message), 0);
		assert_int_equal(ns, rows[i].ns);
		text_format_duration(ns, text);
		assert_string_equal(text, rows[i].canonical);
	}
	assert_int_equal(text_parse_duration("", &ns, message), -EINVAL);
	assert_int_equal(text_parse_duration("h", &ns, message), -EINVAL);
	text_format_duration(INT64_MAX, text);
	assert_int_equal(text_parse_duration(text, &ns, message), 0);
	assert_int_equal(ns, INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_all_problems),
		cmocka_unit_test(test_written_reads_back),
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
