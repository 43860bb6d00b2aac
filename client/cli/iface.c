/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>

#include "client/cli/cli.h"
#include "common/iface_pattern.h"

static const char *state_name(Pepctl__V1__InterfaceState state)
{
	static const char *const names[] = {"attached", "absent", "failed"};

	return (size_t)state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static json_t *iface_json(const Pepctl__V1__Interface *m, const char *action)
{
	json_t *object = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:o}", "name", m->name,
		"ifindex", (int)m->ifindex, "state", state_name(m->state), "mode",
		attach_mode_name((enum attach_mode)m->mode), "requested_mode",
		attach_mode_name((enum attach_mode)m->requested_mode), "program_id", (int)m->program_id,
		"driver", m->driver, "attached_since", output_time(m->attached_since_time));

	if (action)
		json_object_set_new(object, "default", json_string(action));
	if (*m->pattern)
		json_object_set_new(object, "pattern", json_string(m->pattern));
	if (*m->reason)
		json_object_set_new(object, "reason", json_string(m->reason));
	return object;
}

static int read_name(struct words *words, char **ret)
{
	const char *name = words_next(words);

	if (!name || !iface_or_pattern_valid(name))
		return usage_error(name ? "\"%s\" is no interface name and no pattern" : "the interface is missing%s",
			name ? name : "");
	*ret = (char *)(uintptr_t)name;
	return EXIT_DONE;
}

static int read_mode(struct words *words, Pepctl__V1__AttachMode *ret)
{
	enum attach_mode mode = ATTACH_AUTO;
	const char *word;

	if (words_take(words, "mode")) {
		word = words_next(words);
		if (!word || !attach_mode_parse(word, &mode))
			return usage_error("\"%s\" is no mode: auto, native or generic",
				word ? word : "");
	}
	*ret = (Pepctl__V1__AttachMode)mode;
	return words_end(words);
}

static void say_pattern(const struct cli *cli, const char *pattern,
	const Pepctl__V1__AttachInterfaceResponse *answer)
{
	json_t *matched = json_array();
	size_t attached = 0;

	for (size_t i = 0; i < answer->n_matched; i++) {
		const Pepctl__V1__Interface *m = answer->matched[i];

		json_array_append_new(matched, iface_json(m, NULL));
		attached += m->state == PEPCTL__V1__INTERFACE_STATE__INTERFACE_ATTACHED;
		if (m->state != PEPCTL__V1__INTERFACE_STATE__INTERFACE_ATTACHED)
			fprintf(stderr, "pepctl: warning: %s is not attached: %s\n", m->name, m->reason);
	}
	if (cli->json)
		output_json(json_pack("{s:I, s:s, s:O}", "revision", (json_int_t)answer->revision,
			"pattern", pattern, "interfaces", matched));
	else if (!cli->quiet)
		printf("%s: %zu interface%s attached, others when they appear (revision %llu)\n", pattern,
			attached, attached == 1 ? "" : "s", (unsigned long long)answer->revision);
	json_decref(matched);
}

/* As a transaction, which can wait to be confirmed, and tells less. */
static int apply(
	struct cli *cli, enum change_kind kind, const char *name, Pepctl__V1__AttachMode mode)
{
	struct change change;
	char done[80];

	change_init(&change, kind);
	change.mode = (enum attach_mode)mode;
	snprintf(change.iface, sizeof(change.iface), "%s", name);
	snprintf(
		done, sizeof(done), "%s %s", name, kind == CHANGE_ATTACH ? "attached" : "detached");
	return cli_apply(cli, &change, done);
}

static int iface_attach(struct cli *cli, struct words *words)
{
	Pepctl__V1__AttachInterfaceRequest request;
	Pepctl__V1__AttachInterfaceResponse *answer;
	int status;

	pepctl__v1__attach_interface_request__init(&request);
	request.force = cli->force;
	status = read_name(words, &request.iface);
	if (!status)
		status = read_mode(words, &request.mode);
	if (!status && cli->confirm)
		return apply(cli, CHANGE_ATTACH, request.iface, request.mode);
	if (!status)
		status = cli_call(cli, METHOD_ATTACH_INTERFACE, &request.base, &answer);
	if (status)
		return status;
	cli_warn(answer->warnings, answer->n_warnings);
	if (iface_pattern_valid(request.iface))
		say_pattern(cli, request.iface, answer);
	else if (cli->json)
		output_json(json_pack("{s:I, s:o}", "revision", (json_int_t)answer->revision, "interface",
			answer->interface ? iface_json(answer->interface, NULL) : json_null()));
	else if (!cli->quiet && answer->interface)
		printf("%s attached in %s mode (revision %llu)\n", answer->interface->name,
			attach_mode_name((enum attach_mode)answer->interface->mode),
			(unsigned long long)answer->revision);
	return EXIT_DONE;
}

static int iface_detach(struct cli *cli, struct words *words)
{
	Pepctl__V1__DetachInterfaceRequest request;
	Pepctl__V1__DetachInterfaceResponse *answer;
	int status;

	pepctl__v1__detach_interface_request__init(&request);
	status = read_name(words, &request.iface);
	if (!status)
		status = words_end(words);
	if (!status && cli->confirm)
		return apply(cli, CHANGE_DETACH, request.iface, 0);
	if (!status)
		status = cli_call(cli, METHOD_DETACH_INTERFACE, &request.base, &answer);
	if (status)
		return status;
	cli_warn(answer->warnings, answer->n_warnings);
	if (cli->json)
		output_json(json_pack("{s:I}", "revision", (json_int_t)answer->revision));
	else if (!cli->quiet && !answer->n_warnings)
		printf("%s detached (revision %llu)\n", request.iface,
			(unsigned long long)answer->revision);
	return EXIT_DONE;
}

static void print_iface(const Pepctl__V1__Interface *m, const char *action)
{
	char since[40];

	output_local_time(m->attached_since_time, since);
	if (m->state == PEPCTL__V1__INTERFACE_STATE__INTERFACE_ATTACHED)
		printf("interface %s mode %s  # default %s, driver %s, program %u, since %s", m->name,
			attach_mode_name((enum attach_mode)m->mode), action, m->driver, m->program_id,
			since);
	else
		printf("interface %s mode %s  # %s", m->name,
			attach_mode_name((enum attach_mode)m->requested_mode), state_name(m->state));
	printf("%s%s%s%s\n", *m->pattern ? ", by " : "", m->pattern, *m->reason ? ": " : "", m->reason);
}

/* How many interfaces are the pattern's. */
static size_t count_of(const Pepctl__V1__ListInterfacesResponse *answer, const char *pattern)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->n_interfaces; i++)
		count += streq(answer->interfaces[i]->pattern, pattern);
	return count;
}

/* Patterns among what the ruleset wants; those of `name` when it is not NULL. */
static size_t show_patterns(const Pepctl__V1__ListInterfacesResponse *answer, const char *name,
	json_t *all)
{
	size_t found = 0;

	for (size_t i = 0; i < answer->n_wanted; i++) {
		const Pepctl__V1__Attachment *m = answer->wanted[i];
		const char *mode = attach_mode_name((enum attach_mode)m->mode);
		size_t count = count_of(answer, m->iface);

		if (!iface_pattern_valid(m->iface) || (name && !streq(m->iface, name)))
			continue;
		found++;
		if (all)
			json_array_append_new(all, json_pack("{s:s, s:s, s:I}", "name", m->iface, "mode",
							   mode, "interfaces", (json_int_t)count));
		else
			printf("interface %s mode %s  # a pattern, of %zu interface%s\n", m->iface, mode,
				count, count == 1 ? "" : "s");
	}
	return found;
}

static int list(struct cli *cli, Pepctl__V1__ListInterfacesResponse **ret,
	Pepctl__V1__GetServerInfoResponse **ret_info)
{
	Pepctl__V1__ListInterfacesRequest request;
	int status;

	pepctl__v1__list_interfaces_request__init(&request);
	status = cli_call(cli, METHOD_LIST_INTERFACES, &request.base, ret);
	return status ? status : info_get(cli, ret_info);
}

static int none_found(const struct cli *cli, const char *name)
{
	if (name) {
		fprintf(stderr, "pepctl: %s is not attached\n", name);
		return EXIT_REFUSED;
	}
	if (!cli->json && !cli->quiet)
		fprintf(stderr, "pepctl: no interface is attached; pepctl iface attach DEV\n");
	return EXIT_DONE;
}

static size_t show_interfaces(const Pepctl__V1__ListInterfacesResponse *answer,
	const Pepctl__V1__GetServerInfoResponse *info, const char *name, json_t *all)
{
	size_t found = 0;

	for (size_t i = 0; i < answer->n_interfaces; i++) {
		const Pepctl__V1__Interface *m = answer->interfaces[i];

		if (name && !streq(m->name, name) && !streq(m->pattern, name))
			continue;
		found++;
		if (all)
			json_array_append_new(all, iface_json(m, default_of(info, m->name)));
		else
			print_iface(m, default_of(info, m->name));
	}
	return found;
}

static int iface_show(struct cli *cli, struct words *words)
{
	Pepctl__V1__ListInterfacesResponse *answer;
	Pepctl__V1__GetServerInfoResponse *info;
	json_t *all = NULL, *patterns = NULL;
	const char *name = words_next(words);
	int status = words_end(words);
	size_t found;

	if (!status)
		status = list(cli, &answer, &info);
	if (status)
		return status;
	if (cli->json) {
		all = json_array();
		patterns = json_array();
	}
	found = show_patterns(answer, name, patterns);
	found += show_interfaces(answer, info, name, all);
	if (cli->json)
		output_json(json_pack("{s:o, s:o}", "interfaces", all, "patterns", patterns));
	return found ? EXIT_DONE : none_found(cli, name);
}

int iface_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"attach", iface_attach, "DEV|PATTERN [mode auto|native|generic]",
			"filter what it receives; 'veth*': each that appears"},
		{"detach", iface_detach, "DEV|PATTERN", "filter it no longer"},
		{"show", iface_show, "[DEV|PATTERN]", "attached interfaces, mode and state"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "iface", verbs);
}
