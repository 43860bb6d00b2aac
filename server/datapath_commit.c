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

/* Points the map at the interfaces that exist now. */
void redirects_fill(struct datapath *dp)
{
	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		uint32_t ifindex = dp->targets[i][0] ? if_nametoindex(dp->targets[i]) : 0;

		if (!ifindex || bpf_map_update_elem(dp->maps.fds[MAP_REDIRECT], &i, &ifindex, BPF_ANY) < 0)
			bpf_map_delete_elem(dp->maps.fds[MAP_REDIRECT], &i);
	}
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
static void redirects_prepare(struct datapath *dp, const struct classifier *c)
{
	bool changed = false;

	for (uint32_t i = 0; i < PEP_REDIRECTS_MAX; i++) {
		const char *name = classifier_redirect(c, i);

		if (!*name || streq(name, dp->targets[i]))
			continue;
		snprintf(dp->targets[i], IFACE_NAME_SIZE, "%s", name);
		changed = true;
	}
	if (changed)
		redirects_fill(dp);
}

void commit_adopt(struct datapath *dp)
{
	redirects_adopt(dp);
}

/* --- policies */

int datapath_walk(struct datapath *dp,
	int (*cb)(void *data, const struct pep_policy_key *key, const struct pep_policy *value,
		const char *redirect),
	void *data)
{
	struct pep_policy_key key, *at = NULL;
	uint64_t generation = datapath_generation(dp);
	int r = 0;

	for (; !r && !bpf_map_get_next_key(dp->maps.fds[MAP_POLICY], at, &key); at = &key) {
		struct pep_policy value;
		struct pep_rule *rule;
		uint32_t target;

		if (bpf_map_lookup_elem(dp->maps.fds[MAP_POLICY], &key, &value) < 0)
			continue;
		rule = version_alive(&value, generation);
		target = rule && rule->action == PEP_ACTION_REDIRECT ? rule->redirect : PEP_REDIRECTS_MAX;
		r = cb(data, &key, &value, target < PEP_REDIRECTS_MAX ? dp->targets[target] : "");
	}
	return r;
}

static int update_refused(const struct datapath *dp, int error, struct error *err)
{
	if (error == E2BIG)
		return error_set(err, ERROR_LIMIT, "POLICIES_FULL",
			"policy_map is full at --max-policies %u; start pepctld with a larger "
			"--max-policies",
			dp->options.max_policies);
	return error_set(err, error == ENOMEM ? ERROR_LIMIT : ERROR_PRECONDITION, "KERNEL_REFUSED",
		"the kernel refuses a policy: %s", strerror(error));
}

static void policies_undo(struct datapath *dp, size_t count)
{
	int fd = dp->maps.fds[MAP_POLICY];

	for (size_t i = count; i-- > 0;) {
		const struct undo *undo = &dp->undo[i];

		/* Replacing takes an element from the ones that the deletions give back. */
		if (!undo->existed)
			bpf_map_delete_elem(fd, &undo->key);
	}
	for (size_t i = count; i-- > 0;)
		if (dp->undo[i].existed &&
			bpf_map_update_elem(fd, &dp->undo[i].key, &dp->undo[i].former, BPF_EXIST) < 0)
			datapath_log(dp, LOG_ERR, "a prepared policy could not be taken back: %s",
				strerror(errno));
}

static int policies_write(struct datapath *dp, const struct classifier_plan *plan,
	struct error *err)
{
	for (size_t i = 0; i < plan->element_count; i++) {
		const struct classifier_element *element = &plan->elements[i];

		if (bpf_map_update_elem(dp->maps.fds[MAP_POLICY], &element->key, &element->prepared,
			    BPF_ANY) < 0) {
			int error = errno;

			policies_undo(dp, i);
			return update_refused(dp, error, err);
		}
	}
	return 0;
}

static int undo_new(struct datapath *dp, const struct classifier_plan *plan)
{
	struct undo *undo = calloc(plan->element_count + 1, sizeof(*undo));
	uint32_t *limiters = calloc(plan->fresh_limiter_count + 1, sizeof(*limiters));

	if (!undo || !limiters) {
		free(undo);
		free(limiters);
		return -ENOMEM;
	}
	for (size_t i = 0; i < plan->element_count; i++)
		undo[i] = (struct undo){
			.key = plan->elements[i].key,
			.former = plan->elements[i].former,
			.existed = plan->elements[i].existed,
			.dies = plan->elements[i].dies,
		};
	if (plan->fresh_limiter_count)
		memcpy(limiters, plan->fresh_limiters, plan->fresh_limiter_count * sizeof(*limiters));
	dp->undo = undo;
	dp->undo_count = plan->element_count;
	dp->fresh_limiters = limiters;
	dp->fresh_limiter_count = plan->fresh_limiter_count;
	return 0;
}

static void undo_free(struct datapath *dp)
{
	free(TAKE_PTR(dp->undo));
	free(TAKE_PTR(dp->fresh_limiters));
	dp->undo_count = dp->fresh_limiter_count = 0;
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

static void ruleset_write(struct datapath *dp, const struct datapath_ruleset *from, uint32_t rungs)
{
	struct pep_ruleset next = {
		.revision = from->revision,
		.rungs = rungs,
		.event_rate = (__u32)from->settings[SETTING_EVENT_RATE],
		.capture = (__u32)from->settings[SETTING_CAPTURE],
		.fragments_drop = from->settings[SETTING_FRAGMENTS] != 0,
		.malformed_drop = from->settings[SETTING_MALFORMED] != 0,
	};

	ifaces_apply_defaults(dp, from->defaults, from->default_count, &next);
	*ruleset_at(dp, datapath_generation(dp) + 1) = next;
}

void datapath_read_ruleset(const struct datapath *dp, uint64_t ret_settings[static SETTING_MAX],
	bool *ret_default_block)
{
	const struct pep_ruleset *now = ruleset_at(dp, datapath_generation(dp));

	ret_settings[SETTING_FRAGMENTS] = now->fragments_drop;
	ret_settings[SETTING_MALFORMED] = now->malformed_drop;
	ret_settings[SETTING_EVENT_RATE] = now->event_rate;
	ret_settings[SETTING_CAPTURE] = now->capture;
	*ret_default_block = now->default_block[0];
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
	uint32_t rungs = ruleset_at(dp, datapath_generation(dp))->rungs;
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
		r = policies_write(dp, plan, err);
		if (r) {
			drop_prepared(dp);
			return r;
		}
		redirects_prepare(dp, c);
		rungs = plan->rungs;
	}
	ruleset_write(dp, ruleset, rungs);
	dp->prepared = true;
	return 0;
}

void datapath_flip(struct datapath *dp)
{
	__atomic_store_n(&dp->maps.config->generation, datapath_generation(dp) + 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < dp->fresh_limiter_count; i++)
		dp->maps.limiters[dp->fresh_limiters[i]] = (struct pep_limiter){0};
	free(dp->defaults);
	dp->default_count = dp->next_default_count;
	dp->defaults = TAKE_PTR(dp->next_defaults);
	dp->prepared = false;
	dp->unsettled = true;
}

void datapath_abort(struct datapath *dp)
{
	policies_undo(dp, dp->undo_count);
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
	for (size_t i = 0; i < dp->undo_count; i++)
		if (dp->undo[i].dies)
			bpf_map_delete_elem(dp->maps.fds[MAP_POLICY], &dp->undo[i].key);
	undo_free(dp);
	dp->unsettled = false;
}

void commit_free(struct datapath *dp)
{
	drop_prepared(dp);
	free(TAKE_PTR(dp->defaults));
}
