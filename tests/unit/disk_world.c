/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/member.h"
#include "crash_fs.h"
#include "disk_world.h"
#include "journal.pb-c.h"

/* --- no packet is judged here: the classifier, which takes most of the time, has nothing to do */

int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret);
void __wrap_classifier_commit(struct classifier *c, struct classifier_plan *plan);
void __wrap_classifier_abort(struct classifier *c, struct classifier_plan *plan);
void __wrap_classifier_settle(struct classifier *c);

int __wrap_classifier_plan(struct classifier *c, uint64_t generation,
	const struct classifier_change *change, struct error *err, struct classifier_plan **ret)
{
	(void)c;
	(void)change;
	(void)err;
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	(*ret)->generation = generation;
	return 0;
}

void __wrap_classifier_commit(struct classifier *c, struct classifier_plan *plan)
{
	(void)c;
	free(plan);
}

void __wrap_classifier_abort(struct classifier *c, struct classifier_plan *plan)
{
	__wrap_classifier_commit(c, plan);
}

void __wrap_classifier_settle(struct classifier *c)
{
	(void)c;
}

/* --- as server/daemon_backend.c and daemon_restore.c */

static int write_anew(struct disk_world *d, struct state *state,
	const struct journal_record *records, size_t count, struct error *err)
{
	int r = state_write(CRASH_FS_DIR, state, err);

	if (!r && d->unsure)
		r = state_verify(CRASH_FS_DIR, state, err);
	return r ? r : journal_rewrite(d->journal, records, count, err);
}

void disk_world_write(struct disk_world *d)
{
	if (!d->writes)
		return;
	error_deinit(&d->error);
	if (d->rewrites)
		write_anew(d, &d->output, d->records, d->record_count, &d->error);
	else
		journal_append(d->journal, d->records, d->record_count, &d->error);
	d->unsure = d->error.kind == ERROR_UNKNOWN || (d->unsure && error_is_set(&d->error));
	d->rewritten += d->rewrites && !error_is_set(&d->error);
	state_deinit(&d->output);
}

void disk_world_step(struct disk_world *d)
{
	if (d->writes) {
		d->writes = d->rewrites = false;
		store_persisted(d->world.store, error_is_set(&d->error) ? &d->error : NULL);
	} else if (d->world.waits == WAITS_SETTLED) {
		d->world.waits = WAITS_NOT;
		store_settled(d->world.store);
	}
}

bool disk_world_pump(struct disk_world *d)
{
	while (store_busy(d->world.store)) {
		disk_world_write(d);
		if (crash_fs_dead())
			return false;
		disk_world_step(d);
	}
	return true;
}

void disk_world_set_clock(struct disk_world *d, const struct disk_clock *clock, int64_t boottime)
{
	d->world.boottime = boottime;
	d->world.time = clock->time + (boottime - clock->boottime);
}

static void persist(void *data, const struct journal_record *records, size_t count)
{
	struct disk_world *d = data;

	d->records = records;
	d->record_count = count;
	d->writes = true;
}

static void rewrite(
	void *data, struct state *state, const struct journal_record *records, size_t count)
{
	struct disk_world *d = data;

	d->output = *state;
	*state = (struct state){0};
	d->rewrites = true;
	d->world.is_long = false;
	persist(data, records, count);
}

static bool is_long(void *data)
{
	const struct disk_world *d = data;

	return d->world.is_long || journal_refuses(d->journal);
}

static int replay(void *data, journal_read_fn *read, void *arg, struct error *err)
{
	return journal_open(CRASH_FS_DIR, read, arg, &((struct disk_world *)data)->journal, err);
}

static int load(void *data, const char *name, char **ret, size_t *ret_size, struct error *err)
{
	(void)data;
	return state_read_part(CRASH_FS_DIR, name, ret, ret_size, err);
}

static void write_first(struct disk_world *d)
{
	_cleanup_(state_deinit) struct state state = {0};
	_cleanup_free_ struct journal_record *records = NULL;
	_cleanup_error_ struct error why = ERROR_INIT;
	size_t count = 0;

	assert_int_equal(store_render(d->world.store, &state), 0);
	assert_int_equal(store_history(d->world.store, &records, &count), 0);
	write_anew(d, &state, records, count, &why); /* what fails is logged */
}

int disk_world_open(struct disk_world *d, const struct disk_clock *clock, struct error *err)
{
	struct store_backend backend = world_backend(&d->world);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	*d = (struct disk_world){.error = ERROR_INIT};
	backend.persist = persist;
	backend.rewrite = rewrite;
	backend.is_long = is_long;
	backend.replay = replay;
	backend.load = load;
	world_begin(&d->world, 20, &backend);
	d->world.time = clock->time;
	d->world.boottime = clock->boottime;
	d->world.boot_id = clock->boot_id;
	r = state_read(CRASH_FS_DIR, &text, &size, err);
	if (!r && text && !(r = state_strip_checksum(text, &size, err)))
		text[size] = 0;
	if (!r)
		r = world_restore(&d->world, text, err);
	if (!r && !text)
		write_first(d);
	return r;
}

void disk_world_close(struct disk_world *d)
{
	world_deinit(&d->world);
	state_deinit(&d->output);
	journal_close(d->journal);
	error_deinit(&d->error);
}

/* --- what a client may see */

static void print_text(struct store *s, FILE *out)
{
	struct state state = {0};

	assert_int_equal(store_render(s, &state), 0);
	for (char *rest = state.text, *line; (line = strsep(&rest, "\n"));) {
		uint64_t a, b, ends = 0;

		if (sscanf(line, "#@ pepctl state 2 revision %" SCNu64, &a) == 1)
			fprintf(out, "revision %" PRIu64 "\n", a);
		else if (sscanf(line, "#@ %" SCNu64 " %" SCNu64 " %*u ends %*d %" SCNu64, &a, &b,
				 &ends) >= 2)
			fprintf(out, "policy of %" PRIu64 " %" PRIu64 " until %" PRIu64 "\n", a, b,
				ends);
		else if (strncmp(line, "#@ leases", 9) != 0)
			fprintf(out, "%s\n", line);
	}
	state_deinit(&state);
}

/* All members of large sets, as a number: they are many, and in no order. */
static void print_members(struct store *s, uint8_t id, FILE *out)
{
	const struct member_set *set = store_set_members(s, id);
	struct member m = {0};
	uint64_t sum = 0;

	for (uint64_t cursor = 0; member_set_next(set, &cursor, &m);) {
		uint64_t hash = m.length + 1000u * m.family;

		for (size_t i = 0; i < (m.family == 4 ? 4 : sizeof(m.bytes)); i++)
			hash = (hash ^ m.bytes[i]) * 0x100000001b3u;
		sum += hash;
	}
	fprintf(out, "set %s: %zu members, %" PRIx64 "\n", store_set_at(s, id)->name,
		member_set_count(set), sum);
}

#define HELD 64u

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void print_leases(struct disk_world *d, uint8_t id, FILE *out)
{
	struct line {
		char text[160];
	} lines[HELD] = {0};
	struct store_held held[HELD];
	uint64_t cursor = 0;
	size_t count = store_leases(d->world.store, id, NULL, &cursor, held, HELD);

	assert_true(count < HELD);
	for (size_t i = 0; i < count; i++) {
		char member[MEMBER_TEXT_SIZE];

		member_format(&held[i].member, member);
		snprintf(lines[i].text, sizeof(lines[i].text), "held: %s by %s until %" PRId64,
			member, held[i].owner, held[i].left ? d->world.time + held[i].left : 0);
	}
	qsort(lines, count, sizeof(*lines), by_text);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s\n", lines[i].text);
}

static int by_line(const void *a, const void *b)
{
	char *const *p = a, *const *q = b;

	return strcmp(*p, *q);
}

/* The lines of sets are in the order of ids, too. */
static void print_history(struct store *s, FILE *out)
{
	const uint8_t *bytes;
	size_t size;

	for (size_t i = 0; (bytes = store_commit_at(s, i, &size)); i++) {
		Pepctl__Journal__Commit *m = pepctl__journal__commit__unpack(NULL, size, bytes);

		assert_non_null(m);
		fprintf(out, "commit %" PRIu64 " \"%s\" %s\n", m->revision, m->comment,
			m->request ? m->request->id : "");
		qsort(m->changes, m->n_changes, sizeof(*m->changes), by_line);
		for (size_t k = 0; k < m->n_changes; k++)
			fprintf(out, "\t%s\n", m->changes[k]);
		pepctl__journal__commit__free_unpacked(m, NULL);
	}
}

/* By name: ids are nobody's business. */
static bool next_set(const struct store *s, const char **name, uint8_t *ret)
{
	const struct store_set *next = NULL;

	for (unsigned int id = 0; id < STORE_SETS_MAX; id++) {
		const struct store_set *set = store_set_at(s, (uint8_t)id);

		if (!set || strcmp(set->name, *name) <= 0 ||
			(next && strcmp(set->name, next->name) > 0))
			continue;
		next = set;
		*ret = (uint8_t)id;
	}
	*name = next ? next->name : "";
	return next;
}

char *disk_world_content(struct disk_world *d)
{
	struct store *s = d->world.store;
	const char *name = "";
	uint64_t waiting;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print_text(s, out);
	for (uint8_t id; next_set(s, &name, &id);) {
		print_members(s, id, out);
		print_leases(d, id, out);
	}
	print_history(s, out);
	store_confirm_left(s, &waiting);
	fprintf(out, "waits: %" PRIu64 "\n", waiting);
	assert_int_equal(fclose(out), 0);
	return text;
}

static size_t line_of(const char *text)
{
	return strcspn(text, "\n") + (text[strcspn(text, "\n")] != 0);
}

bool content_differs(const char *is, const char *wanted, char *ret, size_t size)
{
	while (*is && line_of(is) == line_of(wanted) && strncmp(is, wanted, line_of(is)) == 0) {
		wanted += line_of(is);
		is += line_of(is);
	}
	snprintf(ret, size, "%.*s instead of %.*s", (int)strcspn(is, "\n"), is,
		(int)strcspn(wanted, "\n"), wanted);
	return *is || *wanted;
}

/* A line each, with lines of what it changed. */
static const char *skip_commits(const char *text)
{
	while (strncmp(text, "commit ", 7) == 0 || *text == '\t')
		text += line_of(text);
	return text;
}

bool content_same_now(const char *a, const char *b)
{
	for (;;) {
		a = skip_commits(a);
		b = skip_commits(b);
		if (!*a || !*b)
			return !*a && !*b;
		if (line_of(a) != line_of(b) || strncmp(a, b, line_of(a)) != 0)
			return false;
		b += line_of(a);
		a += line_of(a);
	}
}
