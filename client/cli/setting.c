/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* setting show [NAME], set NAME VALUE. */
#include <stdio.h>

#include "client/cli/cli.h"

static int setting_set(struct cli *cli, struct words *words)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *name = words_next(words), *value = words_next(words);
	struct change change;
	char done[80];
	int status = words_end(words);

	if (status)
		return status;
	if (!value)
		return usage_error("setting set: NAME VALUE is missing; see pepctl setting help");
	change_init(&change, CHANGE_SETTING);
	if (setting_parse(name, value, "", &change.setting, &change.value, &err) < 0)
		return usage_error("%s", err.violations[0].description);
	snprintf(done, sizeof(done), "%s is %s", name, value);
	return cli_apply(cli, &change, done);
}

/* Settings of a later daemon are shown as they come. */
static json_t *value_json(const Pepctl__V1__Setting *s)
{
	enum setting known;
	uint64_t value;

	if (!setting_parse(s->name, s->value, "", &known, &value, NULL) &&
		!setting_info(known)->words[0] && !setting_info(known)->ports)
		return json_integer((json_int_t)value);
	return json_string(s->value);
}

static void print_setting(const Pepctl__V1__Setting *s)
{
	enum setting known;
	uint64_t value;

	if (setting_parse(s->name, s->value, "", &known, &value, NULL) < 0)
		printf("setting %s %s\n", s->name, s->value);
	else
		printf("setting %-13s %-8s  # %s\n", s->name, s->value, setting_info(known)->help);
}

static int setting_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetServerInfoResponse *answer;
	const char *name = words_next(words);
	int status = words_end(words);
	json_t *all;

	if (!status && name && !setting_known(name))
		return usage_error("there is no setting \"%s\"; see pepctl setting help", name);
	if (!status)
		status = info_get(cli, &answer);
	if (status)
		return status;
	all = json_object();
	for (size_t i = 0; i < answer->n_settings; i++) {
		const Pepctl__V1__Setting *s = answer->settings[i];

		if (name && !streq(s->name, name))
			continue;
		if (cli->json)
			json_object_set_new(all, s->name, value_json(s));
		else
			print_setting(s);
	}
	if (cli->json)
		output_json(all);
	else
		json_decref(all);
	return EXIT_DONE;
}

static void print_known(void)
{
	printf("\nNAME VALUE:\n");
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);
		char range[48], value[24];

		setting_format((enum setting)i, info->value, value);
		if (info->words[0])
			snprintf(range, sizeof(range), "%s|%s", info->words[0], info->words[1]);
		else if (info->ports)
			snprintf(range, sizeof(range), "PORT,...|none");
		else
			snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)info->minimum,
				(unsigned long long)info->maximum);
		printf("  %-13s %-12s (%s)\n      %s\n", info->name, range, value, info->help);
	}
}

int setting_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"show", setting_show, "[NAME]", "all settings, or one"},
		{"set", setting_set, "NAME VALUE", "change one"},
		{NULL, NULL, NULL, NULL},
	};
	bool help = words_at_help(words);
	int status = words_run(cli, words, "setting", verbs);

	if (help)
		print_known();
	return status;
}
