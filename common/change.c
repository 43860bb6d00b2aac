/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/change.h"

#include <errno.h>
#include <stdio.h>

static const struct setting_info settings[SETTING_MAX] = {
	[SETTING_FRAGMENTS] = {"fragments", 0, 1, 0, {"match", "drop"},
		"what happens to non-first fragments: policies without ports decide, or all are dropped", false},
	[SETTING_MALFORMED] = {"malformed", 0, 1, 0, {"pass", "drop"},
		"what happens to packets with broken headers: the kernel judges them, or all are dropped", false},
	[SETTING_EVENT_RATE] = {"event-rate", 0, 10000000, 10000, {NULL, NULL},
		"events per second and CPU; the others are only counted", false},
	[SETTING_CAPTURE] = {"capture", 0, 96, 0, {NULL, NULL},
		"bytes of the frame that an event carries", false},
	[SETTING_PROTECT_PORTS] = {"protect-ports", 0, UINT64_MAX, 22, {NULL, NULL},
		"TCP ports of this host whose connections no change may cut off, unless forced", true},
	[SETTING_REJECT_RATE] = {"reject-rate", 0, 10000000, 1000, {NULL, NULL},
		"answers of reject per second and interface; what is above is blocked without one", false},
};

static const char *const modes[] = {
	[ATTACH_AUTO] = "auto",
	[ATTACH_NATIVE] = "native",
	[ATTACH_GENERIC] = "generic",
	[ATTACH_OFFLOAD] = "offload",
};

void change_init(struct change *change, enum change_kind kind)
{
	*change = (struct change){.kind = kind};
	policy_init(&change->policy);
}

void change_deinit(struct change *change)
{
	policy_deinit(&change->policy);
	member_list_deinit(&change->members);
	free(TAKE_PTR(change->file));
}

bool change_names_set(enum change_kind kind)
{
	return kind >= CHANGE_CREATE_SET && kind <= CHANGE_REPLACE_MEMBERS;
}

bool change_makes_set(enum change_kind kind)
{
	return kind == CHANGE_CREATE_SET || kind == CHANGE_PUT_SET;
}

int change_copy(const struct change *change, struct change *ret)
{
	struct change copy = *change;

	policy_init(&copy.policy);
	copy.members = (struct member_list){0};
	copy.file = change->file ? strdup(change->file) : NULL;
	if (policy_copy(&change->policy, &copy.policy) < 0 ||
		member_list_copy(&change->members, &copy.members) < 0 || !copy.file != !change->file) {
		change_deinit(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void change_list_deinit(struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		change_deinit(&list->items[i]);
	free(list->items);
	*list = (struct change_list){0};
}

int change_list_push(struct change_list *list, struct change *change)
{
	if (list->count == list->room) {
		size_t room = MAX(2 * list->room, 16u);
		struct change *grown = reallocarray(list->items, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->room = room;
	}
	list->items[list->count++] = *change;
	change_init(change, change->kind);
	return 0;
}

/* --- settings */

const struct setting_info *setting_info(enum setting setting)
{
	return &settings[setting];
}

static int wrong_name(const char *name, const char *path, struct error *err)
{
	char names[160] = "";

	for (size_t i = 0; i < SETTING_MAX; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			i ? ", " : "", settings[i].name);
	return error_violation(err, path, "there is no setting \"%s\"; known are %s", name, names);
}

static int parse_number(const struct setting_info *info, const char *value, uint64_t *ret)
{
	uint64_t number = 0;

	if (!*value || strlen(value) > 10 || value[strspn(value, "0123456789")])
		return -EINVAL;
	for (; *value; value++)
		number = 10 * number + (uint64_t)(*value - '0');
	if (number < info->minimum || number > info->maximum)
		return -EINVAL;
	*ret = number;
	return 0;
}

static int parse_word(const struct setting_info *info, const char *value, uint64_t *ret)
{
	for (uint64_t i = 0; i < ARRAY_SIZE(info->words); i++)
		if (streq(info->words[i], value)) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

/* One port; moves on behind it. 0 = there is none. */
static uint16_t parse_port(const char **at)
{
	uint32_t port = 0;

	for (; **at >= '0' && **at <= '9' && port <= UINT16_MAX; ++*at)
		port = 10 * port + (uint32_t)(**at - '0');
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Into its place among those that are there. -ENOSPC = one too many. */
static int insert_port(uint16_t ports[static SETTING_PORTS_MAX], size_t *count, uint16_t port)
{
	size_t at = 0;

	while (at < *count && ports[at] < port)
		at++;
	if (at < *count && ports[at] == port)
		return 0;
	if (*count == SETTING_PORTS_MAX)
		return -ENOSPC;
	memmove(&ports[at + 1], &ports[at], (*count - at) * sizeof(*ports));
	ports[at] = port;
	++*count;
	return 0;
}

static int parse_ports(const char *value, uint64_t *ret)
{
	uint16_t ports[SETTING_PORTS_MAX];
	uint64_t packed = 0;
	size_t count = 0;

	if (!streq(value, "none"))
		do {
			uint16_t port = parse_port(&value);

			if (!port || insert_port(ports, &count, port))
				return -EINVAL;
		} while (*value == ',' && value++);
	else
		value = "";
	if (*value)
		return -EINVAL;
	while (count)
		packed = packed << 16 | ports[--count];
	*ret = packed;
	return 0;
}

size_t setting_ports(uint64_t value, uint16_t ret[static SETTING_PORTS_MAX])
{
	size_t count = 0;

	for (; value; value >>= 16)
		ret[count++] = (uint16_t)value;
	return count;
}

static size_t setting_find(const char *name)
{
	size_t which = 0;

	while (which < SETTING_MAX && !streq(settings[which].name, name))
		which++;
	return which;
}

bool setting_known(const char *name)
{
	return setting_find(name) < SETTING_MAX;
}

int setting_parse(const char *name, const char *value, const char *path, enum setting *ret_setting,
	uint64_t *ret_value, struct error *err)
{
	size_t which = setting_find(name);
	const struct setting_info *info;

	if (which == SETTING_MAX)
		return wrong_name(name, path, err);
	info = &settings[which];
	if (info->ports && parse_ports(value, ret_value) < 0)
		return error_violation(err, path,
			"%s is up to %u ports from 1 to 65535, as 22,2222, or none, not \"%s\"", name,
			SETTING_PORTS_MAX, value);
	if (info->words[0] && parse_word(info, value, ret_value) < 0)
		return error_violation(err, path, "%s is \"%s\" or \"%s\", not \"%s\"", name,
			info->words[0], info->words[1], value);
	if (!info->ports && !info->words[0] && parse_number(info, value, ret_value) < 0)
		return error_violation(err, path, "%s is a number from %llu to %llu, not \"%s\"", name,
			(unsigned long long)info->minimum, (unsigned long long)info->maximum, value);
	*ret_setting = (enum setting)which;
	return 0;
}

static void format_ports(uint64_t value, char ret[static 24])
{
	uint16_t ports[SETTING_PORTS_MAX];
	size_t count = setting_ports(value, ports);

	snprintf(ret, 24, "none");
	for (size_t i = 0, at = 0; i < count; i++)
		at += (size_t)snprintf(ret + at, 24 - at, "%s%u", i ? "," : "", ports[i]);
}

void setting_format(enum setting setting, uint64_t value, char ret[static 24])
{
	if (settings[setting].ports)
		format_ports(value, ret);
	else if (settings[setting].words[0] && value < ARRAY_SIZE(settings[setting].words))
		snprintf(ret, 24, "%s", settings[setting].words[value]);
	else
		snprintf(ret, 24, "%llu", (unsigned long long)value);
}

/* --- attach modes */

const char *attach_mode_name(enum attach_mode mode)
{
	return (size_t)mode < ARRAY_SIZE(modes) ? modes[mode] : "unknown";
}

bool attach_mode_parse(const char *text, enum attach_mode *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (streq(modes[i], text)) {
			*ret = (enum attach_mode)i;
			return true;
		}
	return false;
}
