/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* default allow|block [iface DEV], show. */
#include <stdio.h>

#include "client/cli/cli.h"

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

/* The action of what no policy matches on that interface. */
const char *default_of(const Pepctl__V1__GetServerInfoResponse *info, const char *iface)
{
	Pepctl__V1__ActionKind action = info->default_action ? info->default_action->action :
							       PEPCTL__V1__ACTION_KIND__ACTION_ALLOW;

	for (size_t i = 0; i < info->n_interface_defaults; i++)
		if (streq(info->interface_defaults[i]->iface, iface))
			action = info->interface_defaults[i]->action;
	return text_action_kind((enum policy_action_kind)action);
}

json_t *default_json(Pepctl__V1__InterfaceDefault *const *defaults, size_t count)
{
	json_t *all = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(all,
			json_pack("{s:s, s:s}", "iface", defaults[i]->iface, "action",
				text_action_kind((enum policy_action_kind)defaults[i]->action)));
	return all;
}

void default_print(Pepctl__V1__InterfaceDefault *const *defaults, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("default %s iface %s\n",
			text_action_kind((enum policy_action_kind)defaults[i]->action), defaults[i]->iface);
}

static int default_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetServerInfoResponse *info;
	int status = words_end(words);

	if (!status)
		status = info_get(cli, &info);
	if (status)
		return status;
	if (cli->json) {
		output_json(json_pack("{s:s, s:o}", "default", default_of(info, ""), "interface_defaults",
			default_json(info->interface_defaults, info->n_interface_defaults)));
		return EXIT_DONE;
	}
	printf("default %s\n", default_of(info, ""));
	default_print(info->interface_defaults, info->n_interface_defaults);
	return EXIT_DONE;
}

int default_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"allow", default_allow, "[iface DEV]", "what no policy matches passes"},
		{"block", default_block, "[iface DEV]", "what no policy matches is dropped"},
		{"unset", default_unset, "iface DEV", "the interface goes by the common default"},
		{"show", default_show, "", "the common default, and those of interfaces"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "default", verbs);
}
