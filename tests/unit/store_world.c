/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "common/array.h"
#include "common/iface_pattern.h"
#include "store_world.h"

/* What the daemon puts there for the packet program. */
static void fill_ruleset(struct world *w, const struct store_ruleset *from)
{
	struct pep_config *config = w->engine.tables->config;
	struct pep_ruleset next = *engine_ruleset(&w->engine);

	if (from->plan)
		memcpy(next.members, from->plan->members, sizeof(next.members));
	next.fragments_drop = from->config->settings[SETTING_FRAGMENTS];
	next.malformed_drop = from->config->settings[SETTING_MALFORMED];
	memset(next.default_block, from->config->block, sizeof(next.default_block));
	for (size_t i = 0; i < from->config->default_count; i++)
		next.default_block[engine_iface(&w->engine, from->config->defaults[i].iface)] =
			from->config->defaults[i].block;
	config->ruleset[(config->generation + 1) & 1] = next;
}

static int prepare(void *data, const struct store_ruleset *ruleset, struct error *err)
{
	struct world *w = data;

	w->prepared++;
	fill_ruleset(w, ruleset);
	return w->refuse_prepare ? error_set(err, ERROR_PRECONDITION, "KERNEL", "no") : 0;
}

static void flip(void *data)
{
	struct world *w = data;

	w->flipped++;
	w->engine.tables->config->generation++;
}

static void abort_prepared(void *data)
{
	((struct world *)data)->aborted++;
}

/* The worker is this thread. */
static void run(void *data, void (*work)(void *arg), void *arg)
{
	work(arg);
	store_prepared(((struct world *)data)->store);
}

static void forget_journal(struct world *w)
{
	while (w->journal_count)
		free((void *)(uintptr_t)w->journal[--w->journal_count].payload);
}

static void append(struct world *w, const struct journal_record *records, size_t count)
{
	w->journal = reallocarray(w->journal, w->journal_count + count + 1, sizeof(*w->journal));
	assert_non_null(w->journal);
	for (size_t i = 0; i < count; i++) {
		struct journal_record copy = records[i];
		void *payload = malloc(copy.size + 1);

		assert_non_null(payload);
		memcpy(payload, copy.payload, copy.size);
		copy.payload = payload;
		w->journal[w->journal_count++] = copy;
	}
}

static void persist(void *data, const struct journal_record *records, size_t count)
{
	struct world *w = data;

	error_deinit(&w->error);
	append(w, records, count);
	w->persisting = count;
	w->waits = WAITS_PERSISTED;
	w->persisted++;
}

void world_forget_last(struct world *w)
{
	for (; w->persisting; w->persisting--)
		free((void *)(uintptr_t)w->journal[--w->journal_count].payload);
}

static void keep_file(struct world *w, const struct state_part *part)
{
	struct state_part *file;

	if (!part->text)
		return;
	w->files = reallocarray(w->files, w->file_count + 1, sizeof(*w->files));
	assert_non_null(w->files);
	file = &w->files[w->file_count++];
	*file = *part;
	file->text = malloc(part->size + 1);
	assert_non_null(file->text);
	memcpy(file->text, part->text, part->size);
}

static void forget_files(struct world *w)
{
	while (w->file_count)
		free(w->files[--w->file_count].text);
	free(w->files);
	w->files = NULL;
}

static void rewrite(void *data, struct state *state, const struct journal_record *records, size_t count)
{
	struct world *w = data;

	error_deinit(&w->error);
	w->waits = WAITS_REWRITTEN;
	w->is_long = false;
	if (w->refuse_rewrite) {
		state_deinit(state);
		return;
	}
	state_deinit(&w->state);
	w->state = *state;
	*state = (struct state){0};
	forget_journal(w);
	append(w, records, count);
	for (size_t i = 0; i < w->state.part_count; i++)
		keep_file(w, &w->state.parts[i]);
	w->rewritten++;
}

static bool is_long(void *data)
{
	return ((struct world *)data)->is_long;
}

static int replay(void *data, journal_read_fn *read, void *arg, struct error *err)
{
	const struct world *from = ((struct world *)data)->disk;
	int r = 0;

	for (size_t i = 0; from && i < from->journal_count && !r; i++)
		r = read(arg, &from->journal[i], err);
	return r;
}

static void read_clock(void *data, struct store_clock *ret)
{
	const struct world *w = data;

	*ret = (struct store_clock){.boottime = w->boottime, .time = w->time};
	snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", w->boot_id);
}

static void set_alarm(void *data, int64_t boottime)
{
	((struct world *)data)->alarm = boottime;
}

/* From the state that was persisted last. */
static int load(void *data, const char *name, char **ret, size_t *ret_size, struct error *err)
{
	const struct world *w = data;
	const struct state_part *files = w->disk ? w->disk->files : w->parts ? w->parts->parts : NULL;
	size_t count = w->disk ? w->disk->file_count : w->parts ? w->parts->part_count : 0;

	for (size_t i = count; i-- > 0;)
		if (streq(files[i].name, name) && files[i].text) {
			*ret_size = files[i].size;
			*ret = malloc(*ret_size + 1);
			assert_non_null(*ret);
			memcpy(*ret, files[i].text, *ret_size);
			(*ret)[*ret_size] = 0;
			return 0;
		}
	return error_set(err, ERROR_PRECONDITION, "STATE_FILE", "%s: no such file", name);
}

static void settle_now(void *data)
{
	classifier_settle(((struct world *)data)->engine.classifier);
}

static void settle(void *data)
{
	settle_now(data);
	((struct world *)data)->waits = WAITS_SETTLED;
}

static int attach(
	void *data, const char *iface, enum attach_mode mode, bool keep, struct error *err)
{
	struct world *w = data;

	if (!keep && (w->refuse_attach || streq(iface, "missing")))
		return error_set(err, ERROR_NOT_FOUND, "NO_INTERFACE", "none");
	w->attached++;
	w->mode = mode;
	return 0;
}

static void detach(void *data, const char *iface)
{
	(void)iface;
	((struct world *)data)->detached++;
}

static void committed(void *data, const struct store_commit *commit)
{
	struct world *w = data;

	w->committed++;
	w->line_total = commit->change_total;
	w->described[0] = 0;
	for (size_t i = 0; i < commit->change_count; i++)
		snprintf(w->described + strlen(w->described),
			sizeof(w->described) - strlen(w->described), "%s\n", commit->changes[i]);
}

static void leased(void *data, const struct store_author *author, const struct store_lease *lease,
	const struct store_lease_result *result)
{
	(void)author;
	(void)lease;
	(void)result;
	((struct world *)data)->leased++;
}

static void expired(void *data, char *const *lines, size_t count, size_t total)
{
	struct world *w = data;

	w->expired++;
	w->line_total = total;
	w->described[0] = 0;
	for (size_t i = 0; i < count; i++)
		snprintf(w->described + strlen(w->described),
			sizeof(w->described) - strlen(w->described), "%s\n", lines[i]);
}

static int64_t now(void *data)
{
	return 1000 + ((struct world *)data)->clock;
}

/* --- the lock-out check */

static int sessions(void *data, const uint16_t *ports, size_t count, const char *const *ifaces,
	size_t iface_count, struct sock_diag *ret)
{
	struct world *w = data;

	w->listed++;
	w->clock += w->asking_takes;
	w->port_count = count;
	memcpy(w->ports, ports, count * sizeof(*ports));
	ret->sessions = calloc(w->session_count + 1, sizeof(*ret->sessions));
	assert_non_null(ret->sessions);
	if (w->session_count)
		memcpy(ret->sessions, w->sessions, w->session_count * sizeof(*w->sessions));
	for (size_t i = 0; i < w->way_count; i++) {
		assert_int_equal(array_grow(&ret->ways.items, &ret->ways.room, i, sizeof(*w->ways)), 0);
		ret->ways.items[ret->ways.count++] = w->ways[i];
	}
	w->named = iface_count;
	for (size_t i = 0; i < iface_count; i++)
		assert_true(strlen(ifaces[i]) > 0);
	ret->count = MIN(w->session_count, ret->most);
	ret->cut = w->session_count > ret->most;
	return w->refuse_sessions;
}

static size_t ifaces(void *data, const char *name, struct store_iface *ret, size_t room)
{
	static const char *const all[] = {"eth0", "eth1", "veth1"};
	const struct world *w = data;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && count < room; i++) {
		if (!iface_pattern_matches(name, all[i]))
			continue;
		snprintf(ret[count].name, sizeof(ret[count].name), "%s", all[i]);
		ret[count++].filtered = w->filters && streq(all[i], w->filters);
	}
	return count;
}

static int judge(void *data, const struct flow *flow, const char *iface, bool next,
	struct store_verdict *ret)
{
	struct world *w = data;

	w->judged++;
	if (w->refuse_judge)
		return -ENOMEM;
	*ret = w->judge ? w->judge(flow, iface, next) : (struct store_verdict){.passes = true};
	return 0;
}

int world_restore(struct world *w, const char *text, struct error *err)
{
	struct store_config config;

	store_config_init(&config);
	return store_restore(w->store, text, text ? strlen(text) : 0, 1, &config, 0, false, err);
}

struct store_backend world_backend(struct world *w)
{
	return (struct store_backend){run, prepare, flip, abort_prepared, persist, rewrite, is_long, replay,
		load, settle, settle_now, attach, detach, committed, leased, expired, now, read_clock, set_alarm,
		sessions, ifaces, judge, w};
}

void world_begin(struct world *w, uint32_t max_policies, const struct store_backend *backend)
{
	*w = (struct world){.boot_id = "first", .boottime = 1000, .time = 5000};
	engine_init(&w->engine, max_policies, NULL);
	assert_int_equal(store_new(max_policies, 5000, w->engine.classifier, backend, &w->store), 0);
}

static void begin(struct world *w, uint32_t max_policies)
{
	struct store_backend backend = world_backend(w);

	world_begin(w, max_policies, &backend);
}

void world_init(struct world *w, uint32_t max_policies, const char *text)
{
	begin(w, max_policies);
	assert_int_equal(world_restore(w, text, NULL), 0);
}

void world_reopen(struct world *ret, const struct world *from)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	begin(ret, store_max_policies(from->store));
	ret->disk = from;
	ret->boottime = from->boottime;
	ret->time = from->time;
	ret->boot_id = from->boot_id;
	if (world_restore(ret, from->state.text, &err))
		fail_msg("%s", error_message(&err));
	ret->disk = NULL;
}

void world_deinit(struct world *w)
{
	store_free(w->store);
	engine_deinit(&w->engine);
	state_deinit(&w->state);
	forget_journal(w);
	forget_files(w);
	free(w->journal);
}

void world_move_disk(struct world *to, struct world *from)
{
	state_deinit(&to->state);
	forget_journal(to);
	free(to->journal);
	to->state = from->state;
	to->journal = from->journal;
	to->journal_count = from->journal_count;
	forget_files(to);
	to->files = from->files;
	to->file_count = from->file_count;
	from->files = NULL;
	from->file_count = 0;
	from->state = (struct state){0};
	from->journal = NULL;
	from->journal_count = 0;
}

void world_answer(struct world *w, struct error *err)
{
	enum world_waits waits = w->waits;

	w->waits = WAITS_NOT;
	if (waits == WAITS_SETTLED)
		store_settled(w->store);
	else
		store_persisted(w->store, err);
}

void finish(struct world *w)
{
	world_answer(w, NULL);
	if (w->waits == WAITS_SETTLED)
		world_answer(w, NULL);
}
