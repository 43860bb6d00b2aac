/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "store_model.h"

#define DAY (86400 * MODEL_SECOND)

void model_init(struct model *m, struct model_ruleset past[static MODEL_PAST])
{
	memset(m, 0, sizeof(*m));
	memset(past, 0, MODEL_PAST * sizeof(*past));
	m->past = past;
	for (size_t i = 0; i < SETTING_MAX; i++)
		m->now.settings[i] = setting_info((enum setting)i)->value;
}

bool model_refuse(struct model_reply *reply, enum error_kind kind, const char *reason)
{
	*reply = (struct model_reply){.kind = kind, .reason = reason};
	return false;
}

/* --- requests with an id */

static struct model_request *request_of(struct model *m, const struct model_op *op)
{
	return op->id && !op->validate_only ? &m->requests[op->uid][op->id - 1] : NULL;
}

/* Whether it is answered as before, or refused as an id that was another's. */
static bool repeats(struct model *m, const struct model_op *op, struct model_reply *ret)
{
	const struct model_request *before = request_of(m, op);

	if (!before || !before->there || m->time - before->time >= DAY)
		return false;
	if (before->hash != op->hash)
		return !model_refuse(ret, ERROR_INVALID, "INVALID");
	*ret = before->reply;
	ret->repeated = true;
	return true;
}

static void remember(struct model *m, const struct model_op *op, const struct model_reply *reply)
{
	struct model_request *request = request_of(m, op);

	if (request)
		*request = (struct model_request){true, op->hash, m->time, *reply};
}

/* --- */

static bool confirm(struct model *m, uint64_t target, struct model_reply *ret)
{
	if (!m->waiting)
		return model_refuse(ret, ERROR_PRECONDITION, "NOTHING_TO_CONFIRM");
	if (target && target != m->waiting)
		return model_refuse(ret, ERROR_CONFLICT, "REVISION_DIFFERS");
	m->waiting = 0;
	return true;
}

static bool carry_out(struct model *m, const struct model_op *op, struct model_reply *ret)
{
	switch (op->kind) {
	case STORE_CONFIRM:
		return confirm(m, op->target, ret);
	case STORE_ROLLBACK:
		return model_rollback(m, op->target) || model_refuse(ret, ERROR_NOT_FOUND, "NO_REVISION");
	case STORE_LEASES:
		return model_leases(m, op, ret);
	case STORE_END:
		return model_end_policies(m);
	default:
		return model_changes(m, op, ret);
	}
}

/* Also where nothing of it is left to be undone. */
static bool ends_waiting(const struct model *before, const struct model_op *op)
{
	return op->kind == STORE_ROLLBACK && before->waiting && op->target == before->waiting - 1;
}

/* One that waits keeps all out but what undoes it. */
static bool may_change(const struct model *before, const struct model_op *op, struct model_reply *ret)
{
	if (!before->waiting || op->validate_only || op->kind == STORE_END ||
		ends_waiting(before, op))
		return true;
	return model_refuse(ret, ERROR_PRECONDITION, "CONFIRM_PENDING");
}

/* Whether the packet program is told of it. */
static bool moves(const struct model *before, const struct model *after, const struct model_reply *reply)
{
	bool any = reply->leases.released > 0;

	for (uint32_t set = 0; set < MODEL_SETS && !any; set++)
		for (uint32_t owner = 0; owner < MODEL_OWNERS && !any; owner++)
			for (uint32_t i = 0; i < MODEL_MEMBERS && !any; i++)
				any = after->leases[set][owner][i].there && !before->leases[set][0][i].there &&
				      !before->leases[set][1][i].there && !before->leases[set][2][i].there;
	return any;
}

static bool world_allows(const struct model *before, const struct model *after, bool changed,
	const struct model_world *w, struct model_reply *ret)
{
	if (w->kernel_refuses && (changed || moves(before, after, ret)))
		return model_refuse(ret, ERROR_PRECONDITION, "KERNEL");
	if (after->now.attached[MODEL_MISSING] && !w->all_attach)
		return model_refuse(ret, ERROR_NOT_FOUND, "NO_INTERFACE");
	return true;
}

/* The record of it has all that it changes as it was, by the clocks of now. */
static void keep_past(struct model *m, const struct model *before)
{
	struct model_ruleset *past = &m->past[before->revision % MODEL_PAST];

	*past = before->now;
	for (uint64_t i = 0; i < past->count; i++)
		model_put_down(m, &past->policies[i]);
}

static void commit(struct model *m, const struct model *before, const struct model_op *op)
{
	int64_t confirm_timeout = op->confirm_timeout;

	keep_past(m, before);
	m->revision++;
	m->oldest = m->revision - m->oldest > MODEL_KEPT ? m->revision - MODEL_KEPT : m->oldest;
	if (op->kind != STORE_END) { /* else what waits goes on waiting */
		m->waiting = confirm_timeout ? m->revision : 0;
		m->confirm_boot = m->boottime + confirm_timeout;
		m->confirm_again = 0;
	}
	/* The record has the deadline too, by the wall and in the boot of now. */
	m->confirm_wall = m->confirm_boot + m->time - m->boottime;
	m->confirm_moved = false;
}

static void finish(struct model *m, const struct model *before, const struct model_op *op, bool changed,
	struct model_reply *ret)
{
	model_count(&before->now, &m->now, &ret->policies);
	if (op->validate_only)
		*m = *before;
	else if (changed)
		commit(m, before, op);
	ret->revision = m->revision;
	if (!op->validate_only)
		remember(m, op, ret);
}

void model_apply(struct model *m, const struct model_op *op, const struct model_world *w,
	struct model_reply *ret)
{
	static struct model before;
	bool done, changed;

	*ret = (struct model_reply){0};
	if (repeats(m, op, ret))
		return;
	if (op->has_expected && op->expected != m->revision) {
		model_refuse(ret, ERROR_CONFLICT, "REVISION_DIFFERS");
		return;
	}
	before = *m;
	done = carry_out(m, op, ret);
	changed = memcmp(&before.now, &m->now, sizeof(m->now)) != 0 || ends_waiting(&before, op);
	if (done && changed)
		done = may_change(&before, op, ret);
	if (done && !op->validate_only)
		done = world_allows(&before, m, changed, w, ret);
	if (done)
		finish(m, &before, op, changed, ret);
	else
		*m = before;
}
