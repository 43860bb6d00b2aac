/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ruleset_random SEED [shuffled]: a random ruleset of interfaces pe*, pep0 and pep1, as export
 * prints it, or its statements in another order.
 */
#include <stdio.h>

#include "common/text.h"
#include "tests/unit/random_ruleset.h"

int main(int argc, char *argv[])
{
	static const char *const ifaces[] = {"pe*", "pep0", "pep1"};
	const struct random_ruleset options = {
		.enforceable = true, .ifaces = ifaces, .iface_count = ARRAY_SIZE(ifaces)};
	_cleanup_changes_ struct change_list rules = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: %s SEED [shuffled]\n", argv[0]);
		return 2;
	}
	random_ruleset((uint32_t)strtoul(argv[1], NULL, 10), &options, &rules);
	if (argc > 2)
		random_ruleset_shuffle(&rules);
	for (size_t i = 0; i < rules.count; i++)
		text_write_change(&rules.items[i], stdout);
	return 0;
}
