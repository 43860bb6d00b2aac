/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/policy_store_internal.h"

void store_config_init(struct store_config *config)
{
	*config = (struct store_config){0};
	for (size_t i = 0; i < SETTING_MAX; i++)
		config->settings[i] = setting_info((enum setting)i)->value;
}

/* Both lists are sorted arrays of structs that begin with the interface's name. */
static size_t place_of(const void *items, size_t count, size_t size, const char *iface)
{
	size_t at = 0;

	while (at < count && strcmp((const char *)items + at * size, iface) < 0)
		at++;
	return at;
}

static bool is_at(const void *items, size_t count, size_t size, size_t at, const char *iface)
{
	return at < count && streq((const char *)items + at * size, iface);
}

static void *make_room(void *items, size_t *count, size_t size, size_t at)
{
	char *slot = (char *)items + at * size;

	memmove(slot + size, slot, (*count - at) * size);
	memset(slot, 0, size);
	++*count;
	return slot;
}

static void close_room(void *items, size_t *count, size_t size, size_t at)
{
	char *slot = (char *)items + at * size;

	--*count;
	memmove(slot, slot + size, (*count - at) * size);
	memset((char *)items + *count * size, 0, size);
}

int store_config_default(struct store_config *c, const char *iface, bool block)
{
	size_t size = sizeof(c->defaults[0]);
	size_t at = place_of(c->defaults, c->default_count, size, iface);

	if (!*iface) {
		c->block = block;
		return 0;
	}
	if (!is_at(c->defaults, c->default_count, size, at, iface)) {
		if (c->default_count == STORE_DEFAULTS_MAX)
			return -ENOSPC;
		make_room(c->defaults, &c->default_count, size, at);
		snprintf(c->defaults[at].iface, IFACE_NAME_SIZE, "%s", iface);
	}
	c->defaults[at].block = block;
	return 0;
}

bool config_unset_default(struct store_config *c, const char *iface)
{
	size_t size = sizeof(c->defaults[0]);
	size_t at = place_of(c->defaults, c->default_count, size, iface);

	if (!is_at(c->defaults, c->default_count, size, at, iface))
		return false;
	close_room(c->defaults, &c->default_count, size, at);
	return true;
}

const struct store_default *config_default(const struct store_config *c, const char *iface)
{
	size_t at = place_of(c->defaults, c->default_count, sizeof(c->defaults[0]), iface);

	return is_at(c->defaults, c->default_count, sizeof(c->defaults[0]), at, iface) ?
		       &c->defaults[at] : NULL;
}

int config_attach(struct store_config *c, const char *iface, enum attach_mode mode)
{
	size_t size = sizeof(c->attachments[0]);
	size_t at = place_of(c->attachments, c->attachment_count, size, iface);

	if (!is_at(c->attachments, c->attachment_count, size, at, iface)) {
		if (c->attachment_count == STORE_ATTACHMENTS_MAX)
			return -ENOSPC;
		make_room(c->attachments, &c->attachment_count, size, at);
		snprintf(c->attachments[at].iface, IFACE_NAME_SIZE, "%s", iface);
	}
	c->attachments[at].mode = mode;
	return 0;
}

bool config_detach(struct store_config *c, const char *iface)
{
	size_t size = sizeof(c->attachments[0]);
	size_t at = place_of(c->attachments, c->attachment_count, size, iface);

	if (!is_at(c->attachments, c->attachment_count, size, at, iface))
		return false;
	close_room(c->attachments, &c->attachment_count, size, at);
	return true;
}

const struct store_attachment *config_attachment(const struct store_config *c, const char *iface)
{
	size_t at = place_of(c->attachments, c->attachment_count, sizeof(c->attachments[0]), iface);

	return is_at(c->attachments, c->attachment_count, sizeof(c->attachments[0]), at, iface) ?
		       &c->attachments[at] : NULL;
}

const struct store_attachment *store_config_pattern(
	const struct store_config *config, const char *iface)
{
	for (size_t i = 0; i < config->attachment_count; i++)
		if (iface_pattern_valid(config->attachments[i].iface) &&
			iface_pattern_matches(config->attachments[i].iface, iface))
			return &config->attachments[i];
	return NULL;
}

bool config_equal(const struct store_config *a, const struct store_config *b)
{
	return memcmp(a->settings, b->settings, sizeof(a->settings)) == 0 && a->block == b->block &&
	       memcmp(a->defaults, b->defaults, sizeof(a->defaults)) == 0 &&
	       memcmp(a->attachments, b->attachments, sizeof(a->attachments)) == 0;
}

int config_write(const struct store_config *c, FILE *out)
{
	char value[24];

	fprintf(out, "default %s\n", c->block ? "block" : "allow");
	for (size_t i = 0; i < c->default_count; i++)
		fprintf(out, "default %s iface %s\n", c->defaults[i].block ? "block" : "allow",
			c->defaults[i].iface);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_info *info = setting_info((enum setting)i);

		if (c->settings[i] == info->value)
			continue;
		setting_format((enum setting)i, c->settings[i], value);
		fprintf(out, "setting %s %s\n", info->name, value);
	}
	for (size_t i = 0; i < c->attachment_count; i++)
		fprintf(out, "interface %s mode %s\n", c->attachments[i].iface,
			attach_mode_name(c->attachments[i].mode));
	return ferror(out) ? -ENOMEM : 0;
}

char *config_text(const struct store_config *c)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	config_write(c, out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

int config_read(const struct change_list *list, struct store_config *ret)
{
	int r = 0;

	store_config_init(ret);
	for (size_t i = 0; i < list->count && !r; i++) {
		const struct change *change = &list->items[i];

		if (change->kind == CHANGE_DEFAULT)
			r = store_config_default(ret, change->iface, change->block);
		else if (change->kind == CHANGE_ATTACH)
			r = config_attach(ret, change->iface, change->mode);
		else if (change->kind == CHANGE_SETTING)
			ret->settings[change->setting] = change->value;
		else
			r = -EINVAL;
	}
	return r;
}
