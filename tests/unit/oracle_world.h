/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A ruleset under construction, and the packet that the oracle is asked about. */
#ifndef PEP_TESTS_ORACLE_WORLD_H
#define PEP_TESTS_ORACLE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oracle.h"

enum { ORACLE_POLICIES = 16, ORACLE_SETS = 2 };

struct oracle_world {
	struct policy policies[ORACLE_POLICIES];
	struct oracle_set sets[ORACLE_SETS];
	struct oracle_default defaults[1];
	struct oracle_ruleset rules;
	struct oracle_packet packet;
};

int oracle_setup(void **state); /* *state: the struct oracle_world; sets "bad" and "good" without members */
int oracle_teardown(void **state);

void oracle_add(struct oracle_world *w, const char *line);
void oracle_add_member(struct oracle_world *w, size_t set, const char *text);
/* The packet is one of that protocol; with ports when it has them. */
void oracle_receive(struct oracle_world *w, const char *src, const char *dst, uint8_t proto, uint16_t sport,
	uint16_t dport);
void oracle_put_address(const char *text, uint8_t bytes[16]); /* IPv4 in the first four */
struct oracle_ruling oracle_judge(const struct oracle_world *w);
/* The name of the policy that decides; "allow", "block" or why when none does. */
const char *oracle_decider(const struct oracle_world *w);
/* The shadow policy that is counted, "none". */
const char *oracle_shadow(const struct oracle_world *w);

#define ORACLE_TEST(function) cmocka_unit_test_setup_teardown(function, oracle_setup, oracle_teardown)

#endif
