/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* check FILE: what is wrong with a policy file, without a daemon. */
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/rules.h"

static void print_sum(const struct rules *rules)
{
	size_t policies = 0;

	for (size_t i = 0; i < rules->changes.count; i++)
		policies += rules->changes.items[i].kind == CHANGE_PUT_POLICY;
	printf("%s: %zu statements, of them %zu policies; ", rules->name, rules->changes.count,
		policies);
	if (rules->warnings.count)
		printf("%zu warning%s\n", rules->warnings.count,
			rules->warnings.count == 1 ? "" : "s");
	else
		printf("no fault\n");
}

int check_main(struct cli *cli, struct words *words)
{
	_cleanup_rules_ struct rules rules = {0};
	const char *path = words_next(words);
	int status = words_end(words);

	if (path && streq(path, "help") && !status) {
		printf("Usage: pepctl check FILE|-\n  every fault of a policy file; no daemon "
		       "needed\n");
		return EXIT_DONE;
	}
	if (!path)
		return usage_error("check: the policy file is missing; - is standard input");
	if (!status)
		status = cli_no_confirm(cli);
	if (!status)
		status = rules_read(path, &rules);
	if (status)
		return status;
	rules_print_errors(&rules);
	rules_print_warnings(&rules, SIZE_MAX);
	if (cli->json)
		output_json(json_pack("{s:s, s:b, s:o, s:o}", "file", rules.name, "valid",
			!rules.errors.count, "errors", rules_json(&rules.errors), "warnings",
			rules_json(&rules.warnings)));
	else if (rules.errors.count)
		usage_error("%s has %zu error%s", rules.name, rules.errors.count,
			rules.errors.count == 1 ? "" : "s");
	else if (!cli->quiet)
		print_sum(&rules);
	return rules.errors.count ? EXIT_USAGE : EXIT_DONE;
}
