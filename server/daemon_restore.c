/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ruleset at the start: what the kernel holds, then what the state file says. */
#include <errno.h>
#include <stdio.h>

#include "common/text.h"
#include "server/daemon.h"
#include "server/state_file.h"

struct adoption {
	struct daemon *daemon;
	struct error *err;
};

/*
 * The policy that the line says. Only its name when the line was too long for
 * policy_map, or names sets, whose numbers are another daemon's: then what the
 * state file says takes its place.
 */
static int read_line(const struct pep_policy *value, struct policy *ret)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct text_problems problems = {0};
	char text[sizeof(value->line) + 16];
	const struct policy_match *match;
	int length = snprintf(text, sizeof(text), "policy %s\n", value->line);
	int r = text_parse_file(text, (size_t)length, &changes, &problems);

	text_problems_deinit(&problems);
	policy_init(ret);
	snprintf(ret->name, sizeof(ret->name), "%s", value->name);
	if (r == -ENOMEM)
		return r;
	if (r || changes.count != 1 || changes.items[0].kind != CHANGE_PUT_POLICY)
		return 0;
	match = &changes.items[0].policy.match;
	if (match->src.kind == POLICY_SET || match->dst.kind == POLICY_SET)
		return 0;
	return policy_copy(&changes.items[0].policy, ret);
}

static int adopt_policy(void *data, uint32_t entry, const struct pep_policy *value,
	const char *redirect)
{
	struct adoption *a = data;
	struct daemon *d = a->daemon;
	_cleanup_policy_ struct policy policy;
	int r;

	policy_init(&policy);
	/* A target whose interface has gone has no name any more; the state file knows it. */
	r = classifier_adopt(d->classifier, datapath_generation(d->datapath), entry, value->name,
		*redirect ? redirect : "unknown");
	if (r > 0)
		return r;
	if (!r)
		r = read_line(value, &policy);
	for (size_t i = 0; !r && i < policy.match.iface_count; i++)
		datapath_iface_slot(d->datapath, policy.match.ifaces[i]);
	if (!r)
		r = store_adopt(d->store, &policy, classifier_position(d->classifier, entry));
	if (r)
		error_set(a->err, ERROR_PRECONDITION, "ADOPTION",
			"the pinned ruleset cannot be read (policy %.63s): %s; `pepctl panic` takes the "
			"filter off, after which pepctld starts anew",
			value->name, strerror(-r));
	return r;
}

static void read_config(struct daemon *d, struct store_config *ret)
{
	const char *name;
	uint32_t at = 0;
	bool block;

	store_config_init(ret);
	if (datapath_revision(d->datapath) || datapath_iface_count(d->datapath))
		datapath_read_ruleset(d->datapath, ret->settings, &ret->block);
	while ((name = datapath_read_default(d->datapath, &at, &block)))
		store_config_default(ret, name, block); /* there is room for every slot's */
	for (size_t i = 0; i < datapath_iface_count(d->datapath); i++) {
		const struct datapath_iface *iface = datapath_iface(d->datapath, i);

		memcpy(ret->attachments[i].iface, iface->name, IFACE_NAME_SIZE);
		ret->attachments[i].mode = iface->requested;
		ret->attachment_count++;
	}
}

int daemon_restore(struct daemon *d, struct error *err)
{
	_cleanup_free_ struct store_config *config = calloc(1, sizeof(*config));
	struct adoption adoption = {d, err};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	if (!config)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	r = state_read(d->state_dir, &text, &size, err);
	if (!r && !text && datapath_unreadable(d->datapath))
		r = error_set(err, ERROR_PRECONDITION, "NO_STATE",
			"the pinned ruleset is of another version and there is no state file in %s; put it "
			"back, or begin anew after `pepctl panic`",
			d->options->state_dir);
	if (!r)
		r = datapath_walk(d->datapath, adopt_policy, &adoption);
	if (!r && classifier_adopt_end(d->classifier) < 0)
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (r)
		return r;
	read_config(d, config);
	r = store_restore(d->store, text, size, datapath_generation(d->datapath), config,
		datapath_revision(d->datapath), err);
	if (!r)
		datapath_carry(d->datapath, d->classifier);
	if (!r && !text && datapath_revision(d->datapath))
		log_warn("there is no state file in %s: pepctld goes on from what is pinned, revision "
			 "%llu; lost are comments, history and the defaults of interfaces that were "
			 "never attached",
			d->options->state_dir, (unsigned long long)datapath_revision(d->datapath));
	if (r && text)
		error_prefix(err, "the state file %s/state: ", d->options->state_dir);
	return r;
}
