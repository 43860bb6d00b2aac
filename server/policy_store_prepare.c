/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A batch on its way to the kernel: everything that can still be taken back. */
#include <stdio.h>

#include "server/policy_store_internal.h"

/* --- policies and members, for the classifier */

static uint8_t set_of(const struct store *s, const struct policy_address *address)
{
	return address->kind == POLICY_SET ? sets_find(s, address->set) : NO_SET;
}

static struct classifier_edit *edits_of(const struct store *s, size_t *ret_count)
{
	struct classifier_edit *edits = calloc(s->touched_count + 1, sizeof(*edits));
	size_t count = 0;

	for (size_t i = 0; edits && i < s->touched_count; i++) {
		const struct entry *entry = s->touched[i];

		if (entry->now == entry->next)
			continue;
		edits[count++] = (struct classifier_edit){
			.before = entry->now ? &entry->now->policy : NULL,
			.after = entry->next ? &entry->next->policy : NULL,
			.path = "",
			.line = entry->next ? entry->next->line : "",
			.position = entry->next ? (uint32_t)entry->next->position : 0,
			.src_set = entry->next ? set_of(s, &entry->next->policy.match.src) : NO_SET,
			.dst_set = entry->next ? set_of(s, &entry->next->policy.match.dst) : NO_SET,
		};
	}
	*ret_count = count;
	return edits;
}

/* The refusal of a batch of one names where in its request the policy stands: as a rule behind
 * the one looked for before, `*at`. */
static const char *path_of_name(const struct tx *tx, const char *name, size_t *at,
	char buffer[static 64])
{
	size_t count = tx->changes.count;

	if (tx->path[0])
		return tx->path;
	for (size_t n = 0, i = *at; n < count; n++, i++) {
		i = i < count ? i : 0;
		if (streq(tx->changes.items[i].policy.name, name)) {
			*at = i + 1;
			snprintf(buffer, 64, "operations[%zu].%s", i,
				tx->changes.items[i].kind == CHANGE_CREATE_POLICY ? "create_policy" :
										    "put_policy");
			return buffer;
		}
	}
	return "";
}

/* The loop reads figures by slot and must not ask the classifier while this one works with it. */
static void keep_slots(const struct store *s)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		const struct entry *entry = s->touched[i];

		if (entry->next && entry->next != entry->now)
			entry->next->slot = classifier_slot(s->classifier, entry->name);
	}
}

static int plan(struct store *s, const struct classifier_change *change, struct error *err)
{
	int r = 0;

	if (change->edit_count || change->member_count)
		r = classifier_plan(s->classifier, s->generation + 1, change, err, &s->plan);
	if (!r)
		keep_slots(s);
	return r;
}

int batch_plan(struct store *s, struct error *err)
{
	_cleanup_free_ struct classifier_member *members = NULL;
	_cleanup_free_ struct classifier_edit *edits = NULL;
	_cleanup_free_ char(*paths)[64] = NULL;
	size_t count = 0, member_count = 0, at = 0;
	int r = sets_members(s, &members, &member_count);

	edits = edits_of(s, &count);
	paths = calloc(count + 1, sizeof(*paths));
	if (r || !edits || !paths)
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	for (size_t i = 0; s->batch && !s->batch->next && i < count; i++)
		if (edits[i].after)
			edits[i].path = path_of_name(s->batch, edits[i].after->name, &at, paths[i]);
	return plan(s,
		&(struct classifier_change){edits, count, members, member_count}, err);
}

/* --- attachments: new ones under the old ruleset, what goes under the new one */

static bool is_new(const struct store *s, size_t i)
{
	const struct store_attachment *a = &s->next_config.attachments[i];
	const struct store_attachment *old = config_attachment(&s->config, a->iface);

	return !old || old->mode != a->mode;
}

bool batch_asks(const struct store *s, const char *iface)
{
	for (size_t i = 0; i < s->asked_count; i++)
		if (streq(s->asked[i], iface))
			return true;
	return false;
}

/*
 * From the end: there a pattern stands behind the wider one that it begins like, and a name behind
 * its pattern, so that an interface gets the mode of the narrowest. `s->attached` are done.
 */
static size_t next_index(const struct store *s)
{
	return s->next_config.attachment_count - 1 - s->attached;
}

static void attach_undo(struct store *s)
{
	while (s->attached > 0) {
		const struct store_attachment *a, *old;
		size_t i;

		s->attached--;
		i = next_index(s);
		a = &s->next_config.attachments[i];
		old = config_attachment(&s->config, a->iface);
		if (!old)
			s->backend.detach(s->backend.data, a->iface);
		else if (is_new(s, i)) /* in another mode, which it keeps no longer */
			s->backend.attach(s->backend.data, old->iface, old->mode, true, NULL);
	}
}

static int attach_new(struct store *s, struct error *err)
{
	for (s->attached = 0; s->attached < s->next_config.attachment_count; s->attached++) {
		size_t i = next_index(s);
		const struct store_attachment *a = &s->next_config.attachments[i];
		bool new = is_new(s, i);
		int r = new || batch_asks(s, a->iface) ?
				s->backend.attach(s->backend.data, a->iface, a->mode, !new, err) : 0;

		if (r) {
			attach_undo(s);
			return r;
		}
	}
	return 0;
}

void batch_detach(struct store *s, const struct store_config *former)
{
	for (size_t i = 0; i < former->attachment_count; i++)
		if (!config_attachment(&s->config, former->attachments[i].iface))
			s->backend.detach(s->backend.data, former->attachments[i].iface);
}

/* --- all together */

static void drop_plan(struct store *s)
{
	if (s->plan)
		classifier_abort(s->classifier, TAKE_PTR(s->plan));
}

static int prepare_kernel(struct store *s, struct error *err)
{
	const struct store_ruleset ruleset = {
		.revision = s->next_revision, .config = &s->next_config, .plan = s->plan};

	return s->backend.prepare(s->backend.data, &ruleset, err);
}

/* The lock-out check takes a while where there are many connections. */
static int check_in_time(const struct store *s, struct error *err)
{
	int r = 0;

	for (const struct tx *tx = s->batch; tx && !r; tx = tx->next)
		r = tx_check_deadline(s, tx, err);
	return r;
}

int batch_prepare(struct store *s, struct error *err)
{
	int r = batch_plan(s, err);

	if (!r && sets_build(s) < 0)
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	if (!r)
		r = prepare_kernel(s, err);
	if (!r) {
		r = protect_wanted(s) ? protect_batch(s, err) : 0;
		if (!r)
			r = check_in_time(s, err);
		if (r)
			s->backend.abort(s->backend.data);
	}
	if (r)
		drop_plan(s);
	return r;
}

void batch_try(struct store *s, struct error *err)
{
	const struct tx *tx = s->batch; /* alone in it */
	struct store_view view = {.store = s, .next = true};
	int r = batch_plan(s, err);

	if (!r && (tx->look || protect_wanted(s)) && !prepare_kernel(s, err)) {
		if (tx->look)
			tx->look(tx->data, &view);
		else
			protect_batch(s, err);
		s->backend.abort(s->backend.data);
	}
	store_view_deinit(&view);
	drop_plan(s);
}

int batch_attach(struct store *s, struct error *err)
{
	int r = attach_new(s, err);

	if (!r && entries_reserve(s) < 0) {
		attach_undo(s);
		r = error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	if (r) {
		s->backend.abort(s->backend.data);
		drop_plan(s);
	}
	return r;
}

int batch_attach_again(struct store *s, struct error *err)
{
	return attach_new(s, err);
}

static void list_record(struct store *s, const struct store_record *r)
{
	if (r)
		s->records[s->record_count++] =
			(struct journal_record){(uint8_t)r->kind, r->sequence, r->payload, r->size};
}

int batch_list(struct store *s, struct error *err)
{
	size_t count = 0;

	for (const struct tx *tx = s->batch; tx; tx = tx->next)
		count += 2;
	s->records = calloc(count + 1, sizeof(*s->records));
	if (!s->records) {
		batch_abort(s);
		return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
	}
	s->record_count = 0;
	for (const struct tx *tx = s->batch; tx; tx = tx->next) {
		list_record(s, tx->record);
		list_record(s, tx->lease_record);
	}
	return 0;
}

void batch_abort(struct store *s)
{
	attach_undo(s);
	s->backend.abort(s->backend.data);
	drop_plan(s);
}

void batch_put_in_force(struct store *s)
{
	s->backend.flip(s->backend.data);
	s->generation++;
	if (s->plan)
		classifier_commit(s->classifier, TAKE_PTR(s->plan));
	apply_commit(s);
}
