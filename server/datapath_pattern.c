/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Attachments by patterns: which interfaces they find, and what becomes of those
 * when a pattern goes. An interface that is wanted by its own name too is not the
 * pattern's; one that is the pattern's alone is listed as long as it exists.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "common/iface_pattern.h"
#include "server/datapath_internal.h"

#define LOOPBACK 1 /* LOOPBACK_IFINDEX of the kernel: lo, of which only its own name is meant */

bool datapath_means(const char *name, const struct if_nameindex *iface)
{
	if (iface->if_index == LOOPBACK)
		return streq(name, iface->if_name);
	return iface_pattern_matches(name, iface->if_name);
}

static struct pattern *find(struct datapath *dp, const char *name)
{
	for (size_t i = 0; i < dp->pattern_count; i++)
		if (streq(dp->patterns[i].name, name))
			return &dp->patterns[i];
	return NULL;
}

static bool is_narrower(const struct pattern *a, const struct pattern *b)
{
	size_t mine = strlen(a->name), theirs = strlen(b->name);

	return mine != theirs ? mine > theirs : strcmp(a->name, b->name) < 0;
}

const struct pattern *pattern_of(const struct datapath *dp, const char *iface)
{
	const struct pattern *best = NULL;

	for (size_t i = 0; i < dp->pattern_count; i++) {
		const struct pattern *p = &dp->patterns[i];

		if (iface_pattern_matches(p->name, iface) && (!best || is_narrower(p, best)))
			best = p;
	}
	return best;
}

void pattern_take(struct attachment *a, const struct pattern *pattern)
{
	memcpy(a->public.pattern, pattern->name, sizeof(a->public.pattern));
	a->public.requested = pattern->mode;
}

/* What it has attached cannot be moved to another mode. */
static int check_mode(
	const struct datapath *dp, const char *name, enum attach_mode mode, struct error *err)
{
	for (size_t i = 0; mode != ATTACH_AUTO && i < dp->attachment_count; i++) {
		const struct datapath_iface *iface = &dp->attachments[i]->public;

		if (streq(iface->pattern, name) && iface->state == DATAPATH_ATTACHED &&
			iface->mode != mode)
			return error_set(err, ERROR_PRECONDITION, "OTHER_MODE",
				"%s is attached in %s mode; detach %s first", iface->name,
				attach_mode_name(iface->mode), name);
	}
	return 0;
}

int pattern_attach(struct datapath *dp, const char *name, enum attach_mode mode, struct error *err)
{
	struct pattern *pattern = find(dp, name);
	int r = check_mode(dp, name, mode, err);

	if (r)
		return r;
	if (!pattern && dp->pattern_count == ARRAY_SIZE(dp->patterns))
		return error_set(err, ERROR_LIMIT, "PATTERNS_FULL",
			"there are %u patterns, which is the limit", PEP_IFACES_MAX);
	if (!pattern) {
		pattern = &dp->patterns[dp->pattern_count++];
		snprintf(pattern->name, sizeof(pattern->name), "%s", name);
	}
	pattern->mode = mode;
	for (size_t i = 0; i < dp->attachment_count; i++) {
		struct attachment *a = dp->attachments[i];

		if (!streq(a->public.pattern, name))
			continue;
		a->public.requested = mode;
		a->taken_off = false; /* who asks for it gets it back */
	}
	return 0;
}

int pattern_detach(struct datapath *dp, const char *name, struct error *err)
{
	struct pattern *pattern = find(dp, name);

	if (!pattern)
		return error_set(err, ERROR_NOT_FOUND, "NOT_ATTACHED", "%s is not attached", name);
	*pattern = dp->patterns[--dp->pattern_count];
	for (size_t i = 0; i < dp->attachment_count;) {
		struct attachment *a = dp->attachments[i];
		const struct pattern *other = pattern_of(dp, a->public.name);

		if (!streq(a->public.pattern, name)) {
			i++;
		} else if (other) {
			pattern_take(a, other);
			i++;
		} else {
			iface_detach(dp, a);
		}
	}
	return 0;
}

static void found(struct datapath *dp, const char *name, const struct pattern *pattern,
	void (*cb)(void *data, const struct datapath_iface *iface), void *data)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct attachment *a = iface_list(dp, name);
	int r;

	if (!a)
		return;
	pattern_take(a, pattern);
	r = iface_try(dp, a, &err);
	if (r == -ENOENT) { /* gone again */
		iface_drop(dp, a);
		return;
	}
	if (r) {
		a->public.state = DATAPATH_FAILED;
		snprintf(a->public.reason, sizeof(a->public.reason), "%s", error_message(&err));
	}
	if (cb)
		cb(data, &a->public);
}

void patterns_refresh(
	struct datapath *dp, void (*cb)(void *data, const struct datapath_iface *iface), void *data)
{
	struct if_nameindex *all = dp->pattern_count ? if_nameindex() : NULL;

	for (size_t i = 0; all && all[i].if_index; i++) {
		const struct pattern *pattern = pattern_of(dp, all[i].if_name);

		if (pattern && all[i].if_index != LOOPBACK &&
			!datapath_iface_by_name(dp, all[i].if_name))
			found(dp, all[i].if_name, pattern, cb, data);
	}
	if (all)
		if_freenameindex(all);
}
