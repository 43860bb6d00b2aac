/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "client/apply.h"

#include "common/policy_proto.h"

#define PART_BYTES      (64u << 10)
#define PART_OPERATIONS 2048u
#define SLOW_ANSWER     500000000 /* ns until progress is told that all has been sent */

/* The next operations as messages. */
struct part {
	struct arena arena;
	Pepctl__V1__Operation *operations[PART_OPERATIONS];
	size_t count;
};

static struct part *part_new(void)
{
	struct part *part = malloc(sizeof(*part));

	if (part)
		arena_init(&part->arena, ARENA_BUDGET_DEFAULT);
	return part;
}

static void part_free(struct part *part)
{
	arena_deinit(&part->arena);
	free(part);
}
DEFINE_CLEANUP(struct part, part_free)

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "MEMORY", "out of memory");
}

/* From the change at `*at` on, which moves on; at least one that is left. */
static int part_fill(
	struct part *part, const struct change_list *changes, size_t *at, struct error *err)
{
	size_t bytes = 0;

	arena_reset(&part->arena);
	for (part->count = 0; *at < changes->count && part->count < PART_OPERATIONS; ++*at) {
		Pepctl__V1__Operation *operation =
			change_to_proto(&changes->items[*at], &part->arena);

		if (!operation)
			return no_memory(err);
		bytes += pepctl__v1__operation__get_packed_size(operation) + 5;
		if (part->count && bytes > PART_BYTES)
			return 0;
		part->operations[part->count++] = operation;
	}
	return 0;
}

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

/* Both requests have the same options. */
#define SET_OPTIONS(request, options)                                                              \
	do {                                                                                       \
		(request)->mode = (options)->replace ? PEPCTL__V1__APPLY_MODE__MODE_REPLACE_ALL    \
						     : PEPCTL__V1__APPLY_MODE__MODE_MERGE;         \
		(request)->expected_present_case = (options)->has_expected ? 3 : 0;                \
		(request)->expected_revision = (options)->expected;                                \
		(request)->validate_only = (options)->dry_run;                                     \
		(request)->force = (options)->force;                                               \
		(request)->comment = text_of((options)->comment);                                  \
		(request)->request_id = text_of((options)->request_id);                            \
		(request)->confirm_timeout_nano = (options)->confirm;                              \
	} while (0)

static int apply_at_once(struct client *client, struct part *part,
	const struct apply_options *options, struct arena *arena, void *ret, struct error *err)
{
	Pepctl__V1__ApplyChangesRequest request;

	pepctl__v1__apply_changes_request__init(&request);
	SET_OPTIONS(&request, options);
	request.operations = part->operations;
	request.n_operations = part->count;
	return call_unary(client, METHOD_APPLY_CHANGES, &request.base, arena, ret, err);
}

static int push(struct client *client, uint32_t stream, struct part *part,
	const struct apply_options *options, int64_t deadline, struct error *err)
{
	Pepctl__V1__ApplyStreamRequest request;

	pepctl__v1__apply_stream_request__init(&request);
	if (options)
		SET_OPTIONS(&request, options);
	request.operations = part->operations;
	request.n_operations = part->count;
	return call_push(client, METHOD_APPLY_STREAM, stream, &request.base, deadline, err);
}

/* The part has been filled up to the change at `at`. */
static int apply_in_parts(struct client *client, const struct change_list *changes,
	struct part *part, size_t at, const struct apply_options *options, struct arena *arena,
	void *ret, struct error *err)
{
	int64_t deadline = client_deadline(client);
	uint32_t stream;
	int r = call_open(client, METHOD_APPLY_STREAM, deadline, &stream, err);

	if (!r)
		r = push(client, stream, part, options, deadline, err);
	while (!r && at < changes->count) {
		if (options->progress)
			options->progress(options->data, at, changes->count);
		r = part_fill(part, changes, &at, err);
		if (!r)
			r = push(client, stream, part, NULL, deadline, err);
	}
	if (r)
		return r;
	r = call_end(client, stream, deadline, err);
	if (!r && options->progress && !client_wait(client, client_now() + SLOW_ANSWER))
		options->progress(options->data, at, changes->count);
	return r ? r : call_answer(client, METHOD_APPLY_STREAM, stream, deadline, arena, ret, err);
}

int apply_changes(struct client *client, const struct change_list *changes,
	const struct apply_options *options, struct arena *arena,
	Pepctl__V1__ApplyChangesResponse **ret, struct error *err)
{
	_cleanup_(part_freep) struct part *part = part_new();
	size_t at = 0;
	int r = part ? part_fill(part, changes, &at, err) : no_memory(err);

	if (r)
		return r;
	if (at == changes->count)
		return apply_at_once(client, part, options, arena, ret, err);
	return apply_in_parts(client, changes, part, at, options, arena, ret, err);
}
