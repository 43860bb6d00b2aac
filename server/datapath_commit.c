/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A commit in the kernel. prepare writes elements that hold both the old and
 * the new version and fills the ruleset half that nobody reads; flip stores the
 * generation; settle deletes what died, after the packets that began before
 * the flip are through.
 */
#include "server/datapath_internal.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <syslog.h>

#include <bpf/bpf.h>

uint64_t datapath_generation(const struct datapath *dp)
{
	return __atomic_load_n(&dp->maps.config->generation, __ATOMIC_ACQUIRE);
}

static struct pep_ruleset *ruleset_at(const struct datapath *dp, uint64_t generation)
{
	return &dp->maps.config->ruleset[generation & 1];
}

uint64_t datapath_revision(const struct datapath *dp)
{
	return ruleset_at(dp, datapath_generation(dp))->revision;
}

/* --- redirect targets */

/* Points the element at the interface if it exists now. What is right is not touched: it is in use. */
static int redirect_fill(struct datapath *dp, uint32_t i)
{
	uint32_t ifindex = dp->targets[i][0] ? if_nametoindex(dp->targets[i]) : 0, now = 0;
	int fd = dp->maps.fds[MAP_REDIRECT], r;

	if (!bpf_map_lookup_elem(fd, &i, &now) && now == ifindex)
		return 0;
	if (ifindex && !bpf_map_update_elem(fd, &i, &ifindex, BPF_ANY))
		return 0;
	r = ifindex ? -errno : 0;
	bpf_map_delete_elem(fd, &i);
	return r;
}

void redirects_fill(struct datapath *dp)
{
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++)
		redirect_fill(dp, i);
}

/* After an adoption: what the kernel's indexes stand for. */
static void redirects_adopt(struct datapath *dp)
{
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		uint32_t ifindex = 0;

		if (bpf_map_lookup_elem(dp->maps.fds[MAP_REDIRECT], &i, &ifindex) < 0 || !ifindex ||
			!if_indextoname(ifindex, dp->targets[i]))
			dp->targets[i][0] = 0;
	}
}

/* Targets that the plan adds; freed ones stay until settle. */
static int redirects_prepare(struct datapath *dp, const struct classifier *c, struct error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX && !r; i++) {
		const char *name = classifier_redirect(c, i);

		if (!*name)
			continue;
		if (!streq(name, dp->targets[i]))
			snprintf(dp->targets[i], IFACE_NAME_SIZE, "%s", name);
		r = redirect_fill(dp, i);
	}
	if (!r)
		return 0;
	return error_set(err, r == -ENOMEM ? ERROR_LIMIT : ERROR_PRECONDITION, "KERNEL_REFUSED",
		"the kernel refuses a redirect target: %s", strerror(-r));
}

void commit_adopt(struct datapath *dp)
{
	redirects_adopt(dp);
}

/* --- policies */

int datapath_walk(struct datapath *dp,
	int (*cb)(void *data, uint32_t entry, const struct pep_policy *value, const char *redirect),
	void *data)
{
	int fd = dp->maps.fds[MAP_POLICY], r = 0;
	uint32_t key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);
	_cleanup_free_ uint64_t *limits = calloc(1, scope_ids_size(dp));

	if (!limits)
		return -ENOMEM;
	for (; more && r >= 0; key = next) {
		const struct pep_rule *rule;
		struct pep_policy value;
		uint32_t target;

		more = !bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &value) < 0 || key >= dp->maps.config->roots.entries)
			continue;
		value.name[sizeof(value.name) - 1] = value.line[sizeof(value.line) - 1] = 0;
		rule = &dp->maps.tables.rules[key];
		target = dp->maps.tables.entries[key].action == PEP_ACTION_REDIRECT ? rule->redirect :
										     PEP_REDIRECTS_MAX;
		r = cb(data, key, &value, target < PEP_REDIRECTS_MAX ? dp->targets[target] : "");
		if (r > 0)
			bpf_map_delete_elem(fd, &key);
		else
			scope_ids_add(dp, limits, rule->limit_id);
	}
	if (r < 0)
		return r;
	/* The daemon before may have been cut off after a flip, before it settled. */
	if (dp->start == DATAPATH_ADOPTED)
		scope_sweep(dp, limits, false);
	return 0;
}

/* --- policy_map: not what decides, but what a person reads */

static int update_refused(int error, struct error *err)
{
	return error_set(err, error == ENOMEM ? ERROR_LIMIT : ERROR_PRECONDITION, "KERNEL_REFUSED",
		"the kernel refuses an element of policy_map: %s", strerror(error));
}

static void policies_delete(struct datapath *dp, const uint32_t *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bpf_map_delete_elem(dp->maps.fds[MAP_POLICY], &entries[i]);
}

static void policy_fill(
	const struct datapath *dp, struct pep_policy *to, const struct classifier_born *born)
{
	size_t length = strlen(born->line);

	memset(to, 0, sizeof(*to));
	to->slot = dp->maps.tables.entries[born->entry].slot;
	snprintf(to->name, sizeof(to->name), "%s", born->name);
	if (length < sizeof(to->line))
		memcpy(to->line, born->line, length);
	else
		snprintf(to->line, sizeof(to->line), "%.*s...", (int)sizeof(to->line) - 4, born->line);
}

static int policies_write(struct datapath *dp, const struct classifier_plan *plan,
	struct error *err)
{
	_cleanup_free_ struct pep_policy *values = calloc(plan->born_count + 1, sizeof(*values));
	uint32_t done = (uint32_t)plan->born_count;

	if (!values)
		return update_refused(ENOMEM, err);
	for (size_t i = 0; i < plan->born_count; i++)
		policy_fill(dp, &values[i], &plan->born[i]);
	if (done && bpf_map_update_batch(dp->maps.fds[MAP_POLICY], dp->born, values, &done, NULL) < 0) {
		int error = errno;

		policies_delete(dp, dp->born, done);
		return update_refused(error, err);
	}
	return 0;
}

static uint32_t *copy_numbers(const uint32_t *from, size_t count)
{
	uint32_t *copy = calloc(count + 1, sizeof(*copy));

	if (copy && count)
		memcpy(copy, from, count * sizeof(*copy));
	return copy;
}

static int undo_new(struct datapath *dp, const struct classifier_plan *plan)
{
	dp->born = calloc(plan->born_count + 1, sizeof(*dp->born));
	dp->dead = copy_numbers(plan->dead, plan->dead_count);
	dp->fresh_limiters = copy_numbers(plan->fresh_limiters, plan->fresh_limiter_count);
	dp->ended_limits = plan->ended_limit_count ? calloc(1, scope_ids_size(dp)) : NULL;
	if (!dp->born || !dp->dead || !dp->fresh_limiters ||
		(plan->ended_limit_count && !dp->ended_limits))
		return -ENOMEM;
	for (size_t i = 0; i < plan->ended_limit_count; i++)
		scope_ids_add(dp, dp->ended_limits, plan->ended_limits[i]);
	for (size_t i = 0; i < plan->born_count; i++)
		dp->born[i] = plan->born[i].entry;
	dp->born_count = plan->born_count;
	dp->dead_count = plan->dead_count;
	dp->fresh_limiter_count = plan->fresh_limiter_count;
	return 0;
}

static void undo_free(struct datapath *dp)
{
	free(TAKE_PTR(dp->born));
	free(TAKE_PTR(dp->dead));
	free(TAKE_PTR(dp->fresh_limiters));
	free(TAKE_PTR(dp->ended_limits));
	dp->born_count = dp->dead_count = dp->fresh_limiter_count = 0;
}

static void slot_clear(struct datapath *dp, uint32_t slot)
{
	for (size_t cpu = 0; cpu < dp->cpus; cpu++)
		dp->maps.rows[cpu * dp->maps.slots + slot] = (struct pep_policy_stats){0};
	dp->maps.limiters[slot] = (struct pep_limiter){0};
}

/* --- the ruleset half */

static int defaults_copy(struct datapath *dp, const struct datapath_ruleset *ruleset)
{
	dp->next_defaults = calloc(ruleset->default_count + 1, sizeof(*dp->next_defaults));
	if (!dp->next_defaults)
		return -ENOMEM;
	memcpy(dp->next_defaults, ruleset->defaults,
		ruleset->default_count * sizeof(*dp->next_defaults));
	dp->next_default_count = ruleset->default_count;
	return 0;
}

static void ruleset_write(struct datapath *dp, const struct datapath_ruleset *from,
	const struct pep_members members[static 2])
{
	struct pep_ruleset next = {
		.revision = from->revision,
		.members = {members[0], members[1]},
		.event_rate = (__u32)from->settings[SETTING_EVENT_RATE],
		.capture = (__u32)from->settings[SETTING_CAPTURE],
		.reject_cost = pep_reject_cost((__u32)from->settings[SETTING_REJECT_RATE]),
		.reject_rate = (__u32)from->settings[SETTING_REJECT_RATE],
		.fragments_drop = from->settings[SETTING_FRAGMENTS] != 0,
		.malformed_drop = from->settings[SETTING_MALFORMED] != 0,
	};

	ifaces_apply_defaults(dp, from->defaults, from->default_count, &next);
	*ruleset_at(dp, datapath_generation(dp) + 1) = next;
}

bool datapath_has_members(const struct datapath *dp)
{
	const struct pep_members *now = ruleset_at(dp, datapath_generation(dp))->members;

	return now[0].lines.mask != PEP_TABLE_NONE || now[1].lines.mask != PEP_TABLE_NONE;
}

void datapath_read_ruleset(const struct datapath *dp, uint64_t ret_settings[static SETTING_MAX],
	bool *ret_default_block)
{
	const struct pep_ruleset *now = ruleset_at(dp, datapath_generation(dp));

	ret_settings[SETTING_FRAGMENTS] = now->fragments_drop;
	ret_settings[SETTING_MALFORMED] = now->malformed_drop;
	ret_settings[SETTING_EVENT_RATE] = now->event_rate;
	ret_settings[SETTING_CAPTURE] = now->capture;
	ret_settings[SETTING_REJECT_RATE] = now->reject_rate;
	*ret_default_block = now->default_block[0];
}

const char *datapath_read_default(const struct datapath *dp, uint32_t *at, bool *ret_block)
{
	const struct pep_ruleset *now = ruleset_at(dp, datapath_generation(dp));

	while (++*at < PEP_IFACES_MAX) {
		*ret_block = now->default_block[*at];
		if (*ret_block != (bool)now->default_block[0] && dp->maps.ifaces[*at].name[0])
			return dp->maps.ifaces[*at].name;
	}
	return NULL;
}

/* --- the steps */

static void drop_prepared(struct datapath *dp)
{
	free(TAKE_PTR(dp->next_defaults));
	undo_free(dp);
}

int datapath_prepare(struct datapath *dp, const struct classifier *c,
	const struct classifier_plan *plan, const struct datapath_ruleset *ruleset, struct error *err)
{
	const struct pep_members *members = ruleset_at(dp, datapath_generation(dp))->members;
	int r;

	if (dp->prepared || dp->unsettled)
		return error_set(err, ERROR_INTERNAL, "NOT_SETTLED", "the commit before is not settled");
	if (defaults_copy(dp, ruleset) < 0 || (plan && undo_new(dp, plan) < 0)) {
		drop_prepared(dp);
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	if (plan) {
		for (size_t i = 0; i < plan->fresh_slot_count; i++)
			slot_clear(dp, plan->fresh_slots[i]);
		r = redirects_prepare(dp, c, err);
		if (!r)
			r = policies_write(dp, plan, err);
		if (r) {
			drop_prepared(dp);
			return r;
		}
		members = plan->members;
	}
	ruleset_write(dp, ruleset, members);
	dp->prepared = true;
	return 0;
}

void datapath_flip(struct datapath *dp)
{
	__atomic_store_n(&dp->maps.config->generation, datapath_generation(dp) + 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < dp->fresh_limiter_count; i++)
		dp->maps.limiters[dp->fresh_limiters[i]].tat = 0;
	free(dp->defaults);
	dp->default_count = dp->next_default_count;
	dp->defaults = TAKE_PTR(dp->next_defaults);
	dp->prepared = false;
	dp->unsettled = true;
}

void datapath_abort(struct datapath *dp)
{
	policies_delete(dp, dp->born, dp->born_count);
	drop_prepared(dp);
	dp->prepared = false;
}

/* MEMBARRIER_CMD_GLOBAL returns after an RCU grace period (membarrier(2)): no packet is older. */
void datapath_grace(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(100000);
}

void datapath_settle(struct datapath *dp)
{
	policies_delete(dp, dp->dead, dp->dead_count);
	if (dp->ended_limits)
		scope_sweep(dp, dp->ended_limits, true);
	undo_free(dp);
	dp->unsettled = false;
}

void commit_free(struct datapath *dp)
{
	drop_prepared(dp);
	free(TAKE_PTR(dp->defaults));
}
