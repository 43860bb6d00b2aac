/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* default allow|block [iface DEV], setting show|set NAME VALUE. */
#include <stdio.h>

#include "client/cli/cli.h"
#include "common/text.h"

static int read_iface(struct words *words, char ret[static IFACE_NAME_SIZE], bool needed)
{
	const char *word;

	if (words->at == words->count && !needed)
		return EXIT_DONE;
	if (!words_take(words, "iface"))
		return words->at < words->count ?
			       usage_error("\"%s\" is not iface DEV", words->list[words->at]) :
			       usage_error("iface DEV is missing");
	word = words_next(words);
	if (!word || !iface_name_valid(word))
		return usage_error("\"%s\" is no interface name", word ? word : "");
	snprintf(ret, IFACE_NAME_SIZE, "%s", word);
	return words_end(words);
}

static int set_default(struct cli *cli, struct words *words, bool block)
{
	struct change change;
	char done[80];
	int status;

	change_init(&change, CHANGE_DEFAULT);
	change.block = block;
	status = read_iface(words, change.iface, false);
	if (status)
		return status;
	snprintf(done, sizeof(done), "default is %s%s%s", block ? "block" : "allow",
		*change.iface ? " on " : "", change.iface);
	return cli_apply(cli, &change, done);
}

static int default_allow(struct cli *cli, struct words *words)
{
	return set_default(cli, words, false);
}

static int default_block(struct cli *cli, struct words *words)
{
	return set_default(cli, words, true);
}

static int default_unset(struct cli *cli, struct words *words)
{
	struct change change;
	char done[80];
	int status;

	change_init(&change, CHANGE_UNSET_DEFAULT);
	status = read_iface(words, change.iface, true);
	if (status)
		return status;
	snprintf(done, sizeof(done), "%s has no default of its own", change.iface);
	return cli_apply(cli, &change, done);
}

int default_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"allow", default_allow, "[iface DEV]", "what no policy matches passes"},
		{"block", default_block, "[iface DEV]", "what no policy matches is dropped"},
		{"unset", default_unset, "iface DEV", "the interface goes by the common default"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "default", verbs);
}

/* --- settings */

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
		return usage_error("setting set: NAME VALUE is missing; see pepctl setting show");
	change_init(&change, CHANGE_SETTING);
	if (setting_parse(name, value, "", &change.setting, &change.value, &err) < 0)
		return usage_error("%s", err.violations[0].description);
	snprintf(done, sizeof(done), "%s is %s", name, value);
	return cli_apply(cli, &change, done);
}

static int setting_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetServerInfoRequest request;
	Pepctl__V1__GetServerInfoResponse *answer;
	json_t *all = cli->json ? json_object() : NULL;
	int status = words_end(words);

	pepctl__v1__get_server_info_request__init(&request);
	if (!status)
		status = cli_call(cli, METHOD_GET_SERVER_INFO, &request.base, &answer);
	if (status) {
		json_decref(all);
		return status;
	}
	for (size_t i = 0; i < answer->n_settings; i++) {
		const Pepctl__V1__Setting *s = answer->settings[i];
		enum setting known;
		uint64_t value;

		if (cli->json)
			json_object_set_new(all, s->name, json_string(s->value));
		else if (!setting_parse(s->name, s->value, "", &known, &value, NULL))
			printf("setting %-12s %-8s  # %s\n", s->name, s->value, setting_info(known)->help);
	}
	if (cli->json)
		output_json(all);
	return EXIT_DONE;
}

int setting_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"show", setting_show, "", "all settings"},
		{"set", setting_set, "NAME VALUE", "change one"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "setting", verbs);
}
