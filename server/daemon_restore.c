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
	bool incomplete; /* the kernel alone does not tell the whole ruleset */
};

/*
 * The policy that the line says. Only its name when the line was too long for
 * policy_map, or names sets, whose numbers are another daemon's: then what the
 * state file says takes its place.
 */
static int read_line(const struct pep_policy *value, struct policy *ret, bool *ret_whole)
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
	*ret_whole = false;
	if (r == -ENOMEM)
		return r;
	if (r || changes.count != 1 || changes.items[0].kind != CHANGE_PUT_POLICY)
		return 0;
	match = &changes.items[0].policy.match;
	if (match->src.kind == POLICY_SET || match->dst.kind == POLICY_SET)
		return 0;
	*ret_whole = true;
	return policy_copy(&changes.items[0].policy, ret);
}

static int adopt_policy(void *data, uint32_t entry, const struct pep_policy *value,
	const char *redirect)
{
	struct adoption *a = data;
	struct daemon *d = a->daemon;
	_cleanup_policy_ struct policy policy;
	bool whole = true;
	int r;

	policy_init(&policy);
	/* A target whose interface has gone has no name any more; the state file knows it. */
	r = classifier_adopt(d->classifier, datapath_generation(d->datapath), entry, value->name,
		*redirect ? redirect : CLASSIFIER_UNKNOWN);
	if (r > 0)
		return r;
	if (!r)
		r = read_line(value, &policy, &whole);
	a->incomplete |= !whole;
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

int daemon_write_down(struct daemon *d, struct error *err)
{
	_cleanup_(state_deinit) struct state state = {0};
	_cleanup_free_ struct journal_record *records = NULL;
	size_t count = 0;

	if (store_render(d->store, &state) < 0 || store_history(d->store, &records, &count) < 0)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	return daemon_rewrite(d, &state, records, count, err);
}

static int ignore_record(void *data, const struct journal_record *record, struct error *err)
{
	(void)data;
	(void)record;
	(void)err;
	return 0;
}

/*
 * There is no state file, or it is damaged, or a commit's time was over: what is in force is written
 * down at once. Where it was only pinned, after a reboot nothing would be and the host open.
 */
static int write_first(struct daemon *d, bool pinned, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	int r;

	if (pinned)
		log_warn("pepctld goes on from what is pinned, revision %llu; lost are comments, history, and "
			 "patterns, attachments and defaults of interfaces that are not attached now",
			(unsigned long long)store_revision(d->store));
	if (!d->journal && (r = journal_open(d->state_dir, ignore_record, NULL, &d->journal, err)))
		return r;
	if (!daemon_write_down(d, &why)) {
		store_written(d->store);
	} else {
		daemon_note_write(d, &why);
		log_error("the ruleset could not be written to %s: %s; until it is, a reboot would lose it and "
			  "changes are refused", d->options->state_dir, error_message(&why));
	}
	return 0;
}

/* Whether the kernel holds a ruleset, and all of it could be read. */
static bool is_pinned(const struct daemon *d)
{
	return datapath_revision(d->datapath) && !datapath_unreadable(d->datapath);
}

static int restore_from(struct daemon *d, const char *text, size_t size,
	const struct store_config *config, struct error *err)
{
	int r = text ? state_strip_checksum(text, &size, err) : 0;

	return r ? r : store_restore(d->store, text, size, datapath_generation(d->datapath), config,
		datapath_revision(d->datapath), is_pinned(d), err);
}

/* What was cut off or set aside, and that the kernel was ahead of what is left. */
static void say_journal(const struct daemon *d, uint64_t enforced)
{
	if (d->journal && journal_notice(d->journal) && !(journal_damaged(d->journal) && d->pinned_whole))
		log_warn("%s", journal_notice(d->journal));
	if (enforced && enforced != store_revision(d->store))
		log_warn("the kernel had revision %llu, the state folder has %llu, which is enforced now",
			(unsigned long long)enforced, (unsigned long long)store_revision(d->store));
}

/* The state file cannot be read: the host must not be open for that, so what is pinned goes on. */
static int restore_without(struct daemon *d, const struct store_config *config, struct error *err)
{
	const char *dir = d->options->state_dir;
	int r;

	if (!is_pinned(d)) {
		error_prefix(err, "the state file %s/state is damaged and no ruleset is pinned to go on from; "
				  "put a good copy back, or remove it to begin with an empty ruleset: ", dir);
		return -EINVAL;
	}
	if (d->journal) { /* it was that, and is set aside already */
		log_error("%s; what is pinned is no older and goes on", error_message(err));
		error_deinit(err);
		return restore_from(d, NULL, 0, config, err);
	}
	r = state_set_aside(d->state_dir);
	log_error("the state file %s/state is damaged: %s; %s%s", dir, error_message(err),
		r ? "it could not be kept: " : "it is kept as state.damaged", r ? strerror(-r) : "");
	error_deinit(err);
	return restore_from(d, NULL, 0, config, err);
}

int daemon_restore(struct daemon *d, struct error *err)
{
	_cleanup_free_ struct store_config *config = calloc(1, sizeof(*config));
	struct adoption adoption = {.daemon = d, .err = err};
	uint64_t enforced = is_pinned(d) ? datapath_revision(d->datapath) : 0;
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
	if (!r)
		r = classifier_adopt_end(d->classifier);
	if (r && !error_is_set(err))
		error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (r)
		return r;
	adoption.incomplete |= datapath_rebuilt(d->datapath) || datapath_has_members(d->datapath);
	if (!text && is_pinned(d) && adoption.incomplete)
		return error_set(err, ERROR_PRECONDITION, "NO_STATE",
			"there is no state file in %s, and the pinned ruleset alone does not tell all "
			"(members of sets, long policies, or it was of other sizes); the filter goes on; "
			"put the state file back, or begin anew after `pepctl panic`",
			d->options->state_dir);
	read_config(d, config);
	d->pinned_whole = is_pinned(d) && !adoption.incomplete;
	r = restore_from(d, text, size, config, err);
	if (r && streq(error_reason(err), "STATE_DAMAGED") && !adoption.incomplete) {
		r = restore_without(d, config, err);
		free(TAKE_PTR(text));
	} else if (r && text) {
		error_prefix(err, "the state file %s/state: ", d->options->state_dir);
	}
	if (r)
		return r;
	datapath_carry(d->datapath, d->classifier);
	say_journal(d, enforced);
	return !text || store_unwritten(d->store) ? write_first(d, !text && enforced, err) : 0;
}
