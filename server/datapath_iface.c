/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Attachments: which interfaces are wanted, and in which state they are.
 */
#include "server/datapath_internal.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

#include <bpf/bpf.h>

#include "common/iface_pattern.h"
#include "server/datapath_link.h"

/* --- the list */

static size_t place_of(const struct datapath *dp, const char *name)
{
	size_t at = 0;

	while (at < dp->attachment_count && strcmp(dp->attachments[at]->public.name, name) < 0)
		at++;
	return at;
}

static struct attachment *find(const struct datapath *dp, const char *name)
{
	size_t at = place_of(dp, name);

	return at < dp->attachment_count && streq(dp->attachments[at]->public.name, name) ?
		       dp->attachments[at] : NULL;
}

struct attachment *iface_list(struct datapath *dp, const char *name)
{
	struct attachment *a = calloc(1, sizeof(*a));
	struct attachment **grown;
	size_t at = place_of(dp, name);

	grown = reallocarray(dp->attachments, dp->attachment_count + 1, sizeof(*grown));
	if (grown)
		dp->attachments = grown;
	if (!a || !grown) {
		free(a);
		return NULL;
	}
	snprintf(a->public.name, sizeof(a->public.name), "%s", name);
	a->public.state = DATAPATH_ABSENT;
	a->link = -1;
	memmove(&grown[at + 1], &grown[at], (dp->attachment_count - at) * sizeof(*grown));
	grown[at] = a;
	dp->attachment_count++;
	return a;
}

void iface_drop(struct datapath *dp, struct attachment *a)
{
	size_t at = place_of(dp, a->public.name);

	dp->attachment_count--;
	memmove(&dp->attachments[at], &dp->attachments[at + 1],
		(dp->attachment_count - at) * sizeof(*dp->attachments));
	closep(&a->link);
	free(a);
}

size_t datapath_iface_count(const struct datapath *dp)
{
	return dp->attachment_count;
}

const struct datapath_iface *datapath_iface(const struct datapath *dp, size_t index)
{
	return index < dp->attachment_count ? &dp->attachments[index]->public : NULL;
}

const struct datapath_iface *datapath_iface_by_name(const struct datapath *dp, const char *name)
{
	struct attachment *a = find(dp, name);

	return a ? &a->public : NULL;
}

/* The kernel is asked. */
bool iface_in_place(const struct attachment *a)
{
	return a->public.state == DATAPATH_ATTACHED &&
	       link_in_place(a->link, a->public.ifindex, a->public.name);
}

bool datapath_in_place(const struct datapath *dp, const char *name)
{
	struct attachment *a = find(dp, name);

	return a && iface_in_place(a);
}

const char *datapath_iface_name(struct datapath *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->attachment_count; i++)
		if (dp->attachments[i]->public.ifindex == ifindex)
			return dp->attachments[i]->public.name;
	for (size_t slot = 1; slot < PEP_IFACES_MAX; slot++)
		if (dp->maps.ifaces[slot].ifindex == ifindex)
			return dp->maps.ifaces[slot].name;
	return "";
}

/* --- attaching */

static int64_t wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void set_present(struct datapath *dp, struct attachment *a, uint32_t ifindex,
	enum attach_mode mode)
{
	struct pep_iface *iface = &dp->maps.ifaces[a->public.slot];

	a->public.ifindex = iface->ifindex = ifindex;
	a->public.mode = mode;
	a->public.state = DATAPATH_ATTACHED;
	iface->mode = mode == ATTACH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	link_describe(a->public.name, a->public.driver, a->public.warning);
}

void iface_gone(struct datapath *dp, struct attachment *a, enum datapath_iface_state state)
{
	char path[512];

	slot_index_remove(dp, a->public.ifindex);
	dp->maps.ifaces[a->public.slot].ifindex = 0;
	dp->maps.ifaces[a->public.slot].mode = 0;
	a->public.ifindex = 0;
	a->public.state = state;
	closep(&a->link);
	a->link = -1;
	if (!pins_link_path(dp, a->public.name, path))
		unlink(path);
}

int iface_try(struct datapath *dp, struct attachment *a, struct error *err)
{
	uint32_t ifindex = if_nametoindex(a->public.name);
	struct link_result result;
	char path[512];
	int r;

	if (!ifindex)
		return error_set(err, ERROR_NOT_FOUND, "NO_INTERFACE", "there is no interface %s",
			a->public.name);
	if (!iface_name_valid(a->public.name))
		return error_set(err, ERROR_PRECONDITION, "NAME",
			"no policy could name it; give the interface another name");
	a->public.slot = slot_of_iface(dp, a->public.name);
	if (!a->public.slot || slot_index_add(dp, ifindex, a->public.slot) < 0)
		return error_set(err, ERROR_LIMIT, "INTERFACES_FULL",
			"%u interfaces are attached, which is the limit; detach one",
			PEP_IFACES_MAX - 1);
	ifaces_default_again(dp);
	r = link_attach(dp->program, ifindex, a->public.name, a->public.requested, &result, err);
	if (!r && !pins_link_path(dp, a->public.name, path) && bpf_obj_pin(result.fd, path) < 0) {
		r = error_set(err, ERROR_PRECONDITION, "PIN_DIR", "the link cannot be pinned at %s: %s",
			path, strerror(errno));
		close(result.fd);
	}
	if (r) {
		slot_index_remove(dp, ifindex);
		return r;
	}
	a->link = result.fd;
	a->taken_off = false;
	snprintf(a->public.reason, sizeof(a->public.reason), "%s", result.reason);
	a->public.attached_since = wall_now();
	dp->maps.ifaces[a->public.slot].attached_since = (uint64_t)a->public.attached_since;
	set_present(dp, a, ifindex, result.mode);
	a->public.program_id = link_program_id(a->link);
	return 0;
}

static int attach_again(struct attachment *a, enum attach_mode mode, struct error *err)
{
	if (mode != ATTACH_AUTO && mode != a->public.mode)
		return error_set(err, ERROR_PRECONDITION, "OTHER_MODE",
			"%s is attached in %s mode; detach %s first", a->public.name,
			attach_mode_name(a->public.mode),
			a->public.pattern[0] ? a->public.pattern : "it");
	a->public.requested = mode;
	return 0;
}

/* 0 also when it is kept; see its state then. */
static int attach_named(struct datapath *dp, const char *name, enum attach_mode mode, bool keep,
	struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	struct attachment *a = find(dp, name);
	bool wanted = a;
	int r;

	if (a && iface_in_place(a))
		return attach_again(a, mode, err);
	if (!a && !(a = iface_list(dp, name)))
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (a->public.state == DATAPATH_ATTACHED)
		iface_gone(dp, a, DATAPATH_ABSENT);
	a->public.requested = mode;
	r = iface_try(dp, a, &why);
	if (!r)
		return 0;
	a->public.state = r == -ENOENT ? DATAPATH_ABSENT : DATAPATH_FAILED;
	snprintf(a->public.reason, sizeof(a->public.reason), "%s", error_message(&why));
	if (keep)
		return 0;
	if (!wanted)
		iface_drop(dp, a);
	if (err)
		error_move(err, &why);
	return r;
}

int datapath_attach(struct datapath *dp, const char *name, enum attach_mode mode, bool keep,
	struct error *err)
{
	int r;

	if (mode == ATTACH_OFFLOAD)
		return error_set(err, ERROR_PRECONDITION, "OFFLOAD",
			"%s cannot be attached in offload mode: a card cannot hold maps that are "
			"changed in one instant; use native or generic",
			name);
	if (iface_pattern_valid(name))
		return pattern_attach(dp, name, mode, err);
	r = attach_named(dp, name, mode, keep, err);
	if (!r)
		find(dp, name)->public.pattern[0] = 0;
	return r;
}

void iface_detach(struct datapath *dp, struct attachment *a)
{
	if (a->link >= 0 && bpf_link_detach(a->link) < 0 && errno != ENOLINK)
		datapath_log(dp, LOG_WARNING, "%s: detaching: %s", a->public.name, strerror(errno));
	if (a->public.state == DATAPATH_ATTACHED)
		iface_gone(dp, a, DATAPATH_ABSENT);
	iface_drop(dp, a);
}

int datapath_detach(struct datapath *dp, const char *name, struct error *err)
{
	const struct pattern *pattern = pattern_of(dp, name);
	struct attachment *a = find(dp, name);

	if (iface_pattern_valid(name))
		return pattern_detach(dp, name, err);
	if (!a || a->public.pattern[0])
		return error_set(err, ERROR_NOT_FOUND, "NOT_ATTACHED", "%s is not attached", name);
	if (pattern && a->public.state != DATAPATH_ABSENT)
		pattern_take(a, pattern);
	else
		iface_detach(dp, a);
	return 0;
}

/* --- start and end */

static void adopt_one(struct datapath *dp, const char *name, int fd)
{
	uint32_t ifindex = fd >= 0 ? link_ifindex(fd) : 0;
	struct attachment *a = iface_list(dp, name);
	uint32_t slot;

	if (!a) {
		closep(&fd);
		return;
	}
	a->link = fd;
	slot = a->public.slot = slot_of_iface(dp, name);
	if (!slot || !link_in_place(fd, ifindex, name) || slot_index_add(dp, ifindex, slot) < 0) {
		a->public.ifindex = dp->maps.ifaces[slot].ifindex; /* that the index still has */
		iface_gone(dp, a, DATAPATH_ABSENT);
		return;
	}
	a->public.attached_since = (int64_t)dp->maps.ifaces[slot].attached_since;
	a->public.program_id = link_program_id(fd);
	set_present(dp, a, ifindex, link_mode(a->public.name));
	a->public.requested = a->public.mode;
}

/* After new maps: slots that no pinned link uses are not attached. */
void ifaces_adopt(struct datapath *dp)
{
	pins_each_link(dp, adopt_one);
	for (size_t slot = 1; slot < PEP_IFACES_MAX; slot++) {
		struct pep_iface *iface = &dp->maps.ifaces[slot];

		if (iface->name[0] && iface->ifindex && !find(dp, iface->name)) {
			slot_index_remove(dp, iface->ifindex);
			iface->ifindex = iface->mode = 0;
		}
	}
}

int ifaces_move(struct datapath *dp, struct error *err)
{
	for (size_t i = 0; i < dp->attachment_count; i++) {
		struct attachment *a = dp->attachments[i];

		if (a->link < 0)
			continue;
		if (bpf_link_update(a->link, dp->program, NULL) < 0 && errno != ENOLINK)
			return error_set(err, ERROR_PRECONDITION, "LINK",
				"%s cannot be moved to the new program: %s; it stays with the former "
				"one, which filters; start again, or take it off (pepctl panic)",
				a->public.name, strerror(errno));
		a->moved = true;
		a->public.program_id = link_program_id(a->link);
	}
	return 0;
}

bool ifaces_moved(const struct datapath *dp)
{
	for (size_t i = 0; i < dp->attachment_count; i++)
		if (dp->attachments[i]->moved)
			return true;
	return false;
}

void ifaces_move_back(struct datapath *dp, int program)
{
	for (size_t i = 0; i < dp->attachment_count; i++) {
		struct attachment *a = dp->attachments[i];

		if (!a->moved)
			continue;
		if (bpf_link_update(a->link, program, NULL) < 0 && errno != ENOLINK)
			datapath_log(dp, LOG_ERR, "%s stays with the new program and its maps: %s",
				a->public.name, strerror(errno));
		a->moved = false;
	}
}

void ifaces_detach_all(struct datapath *dp)
{
	dp->pattern_count = 0;
	while (dp->attachment_count)
		iface_detach(dp, dp->attachments[0]);
}

void ifaces_free(struct datapath *dp)
{
	while (dp->attachment_count)
		iface_drop(dp, dp->attachments[0]);
	free(TAKE_PTR(dp->attachments));
}
