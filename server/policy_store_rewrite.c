/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The state file and the journal, written anew: when the journal has become long, and when a sync
 * has failed, after which nothing is committed before the disk has what is in force, for certain.
 */
#include "server/policy_store_internal.h"

static void render(void *arg)
{
	struct store *s = arg;

	if (store_render(s, &s->output) < 0 || history_records(s, &s->records, &s->record_count) < 0)
		error_set(&s->prepare_error, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* Which parts of sets stand as files: after a failed sync nobody knows. */
static void note_parts(struct store *s, bool stand)
{
	s->leases_filed = stand ? s->leases_sequence : 0;
	for (size_t id = 0; id < STORE_SETS_MAX; id++) {
		s->sets[id].filed = stand && member_set_count(&s->members[id]) > STORE_MEMBERS_INLINE;
		s->work[id].next.filed = s->sets[id].filed;
	}
}

void rewrite_begin(struct store *s)
{
	if (s->unsure)
		note_parts(s, false);
	s->state = STORE_RENDERING;
	s->backend.run(s->backend.data, render, s);
}

void rewrite_rendered(struct store *s)
{
	struct error err = ERROR_INIT;

	error_move(&err, &s->prepare_error);
	if (error_is_set(&err)) {
		state_deinit(&s->output);
		rewrite_end(s, &err);
		return;
	}
	s->state = STORE_REWRITING;
	s->backend.rewrite(s->backend.data, &s->output, s->records, s->record_count);
}

/* Unsure, each change that is asked for tries again; else the journal just grows on. */
void rewrite_end(struct store *s, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;

	free(TAKE_PTR(s->records));
	s->record_count = 0;
	s->state = STORE_IDLE;
	if (!err) {
		note_parts(s, true);
		s->unsure = false;
		return;
	}
	error_move(&why, err);
	s->unsure |= why.kind == ERROR_UNKNOWN;
	if (!s->unsure)
		return;
	error_prefix(&why, "changes are refused until the disk has what is in force: ");
	queue_refuse(s, ERROR_UNAVAILABLE, "DURABILITY_UNKNOWN", error_message(&why));
}
