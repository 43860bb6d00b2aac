/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath_world.h"

#include <stdio.h>
#include <unistd.h>

#include "cmocka_all.h"

int try_open(struct world *w, uint32_t max_policies, struct error *err)
{
	struct datapath_options options = {
		.pin_dir = PINS,
		.max_policies = max_policies,
		.max_buckets = 1000,
		.ring_size = 65536,
	};

	w->max_policies = max_policies;
	return datapath_open(&options, err, &w->dp, &w->start);
}

static int adopt(void *data, uint32_t entry, const struct pep_policy *value, const char *redirect)
{
	struct world *w = data;
	int r = classifier_adopt(
		w->classifier, datapath_generation(w->dp), entry, value->name, redirect);

	if (!r)
		w->adopted = *value;
	return r;
}

void open_only(struct world *w, uint32_t max_policies)
{
	struct classifier_memory memory;
	_cleanup_error_ struct error err = ERROR_INIT;

	*w = (struct world){0};
	if (try_open(w, max_policies, &err))
		fail_msg("%s", error_message(&err));
	memory = datapath_memory(w->dp);
	assert_int_equal(classifier_new(max_policies, &memory, &w->classifier), 0);
	assert_int_equal(datapath_walk(w->dp, adopt, w), 0);
	assert_int_equal(classifier_adopt_end(w->classifier), 0);
	w->revision = datapath_revision(w->dp);
}

void activate(struct world *w)
{
	datapath_carry(w->dp, w->classifier);
	assert_int_equal(datapath_activate(w->dp, NULL), 0);
}

void open_world(struct world *w, uint32_t max_policies)
{
	open_only(w, max_policies);
	activate(w);
}

void close_world(struct world *w)
{
	classifier_free(w->classifier);
	datapath_free(w->dp);
}

void policy_on(struct policy *p, const char *name, uint16_t dport)
{
	policy_init(p);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->action.kind = POLICY_BLOCK;
	p->match.dport = (struct policy_ports){dport, dport};
	p->match.has_proto = true;
	p->match.proto = 17;
}

struct classifier_edit edit_of(const struct policy *before, const struct policy *after)
{
	static uint32_t position;

	return (struct classifier_edit){.before = before, .after = after, .path = "",
		.line = LINE, .position = ++position,
		.src_set = CLASSIFIER_NO_SET, .dst_set = CLASSIFIER_NO_SET};
}

int try_prepare(struct world *w, const struct classifier_change *change,
	struct classifier_plan **ret, struct error *err)
{
	struct datapath_default all = {.block = false};
	struct datapath_ruleset ruleset = {
		.revision = ++w->revision,
		.settings = {[SETTING_EVENT_RATE] = 1000000},
		.defaults = &all,
		.default_count = 1,
	};
	int r = classifier_plan(w->classifier, datapath_generation(w->dp) + 1, change, err, ret);

	if (!r)
		assert_int_equal(datapath_prepare(w->dp, w->classifier, *ret, &ruleset, NULL), 0);
	return r;
}

void commit_change(struct world *w, const struct classifier_change *change)
{
	struct classifier_plan *plan = NULL;

	assert_int_equal(try_prepare(w, change, &plan, NULL), 0);
	datapath_flip(w->dp);
	classifier_commit(w->classifier, plan);
	datapath_grace();
	classifier_settle(w->classifier);
	datapath_settle(w->dp);
}

void commit(struct world *w, const struct policy *before, const struct policy *after)
{
	struct classifier_edit edit = edit_of(before, after);

	commit_change(w, &(struct classifier_change){.edits = &edit, .edit_count = 1});
}

uint64_t tally_of(struct world *w, enum pep_tally tally)
{
	struct pep_stats stats[PEP_IFACES_MAX];
	uint64_t sum = 0;

	assert_int_equal(datapath_stats_all(w->dp, stats), 0);
	for (size_t i = 0; i < PEP_IFACES_MAX; i++)
		sum += stats[i].tally[tally].packets;
	return sum;
}

uint64_t blocked(struct world *w)
{
	return tally_of(w, PEP_TALLY_BLOCK_POLICY);
}

int clean(void **state)
{
	struct world w = {0};

	(void)state;
	if (access(PINS, F_OK) < 0)
		return 0;
	assert_int_equal(try_open(&w, 100, NULL), 0);
	datapath_remove(w.dp);
	datapath_free(w.dp);
	return 0;
}

void expect(int r, struct error *err, enum error_kind kind, const char *reason)
{
	assert_true(r < 0);
	assert_int_equal(err->kind, kind);
	assert_string_equal(error_reason(err), reason);
	error_deinit(err);
}
