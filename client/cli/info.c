/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/confirm_state.h"

/* An older daemon does not tell. */
static json_t *tables_json(const Pepctl__V1__Tables *m)
{
	if (!m)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "tuples", (json_int_t)m->tuples, "longest_run",
		(json_int_t)m->longest_run, "most_steps", (json_int_t)m->most_steps, "entries",
		(json_int_t)m->entries);
}

static json_t *with_confirm(json_t *object, const Pepctl__V1__GetServerInfoResponse *m)
{
	if (m->confirm_revision)
		json_object_set_new(
			object, "confirm_revision", json_integer((json_int_t)m->confirm_revision));
	confirm_json(object, m->confirm_left_nano);
	return object;
}

static json_t *info_json(const Pepctl__V1__GetServerInfoResponse *m)
{
	json_t *features = json_array();

	for (size_t i = 0; i < m->n_features; i++)
		json_array_append_new(features, json_string(m->features[i]));
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:i, s:i, s:s, s:s, s:s, s:o, s:{s:I, s:I, s:I, s:I, "
			 "s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:s}",
		"version", m->version, "protocol", m->protocol, "revision", (json_int_t)m->revision,
		"enforced_revision", (json_int_t)m->enforced_revision, "kernel", m->kernel, "program_id",
		(int)m->program_id, "pid", (int)m->pid, "state_dir", m->state_dir, "pin_dir", m->pin_dir,
		"adopted", m->adopted, "started_time", output_time(m->started_time), "limits",
		"max_policies", (json_int_t)m->limits->max_policies, "policies",
		(json_int_t)m->limits->policies, "max_interfaces",
		(json_int_t)m->limits->max_interfaces, "max_frame_bytes",
		(json_int_t)m->limits->max_frame_bytes, "ring_bytes",
		(json_int_t)m->limits->ring_bytes, "max_members", (json_int_t)m->limits->max_members,
		"members", (json_int_t)m->limits->members, "max_sets", (json_int_t)m->limits->max_sets,
		"sets", (json_int_t)m->limits->sets, "max_buckets", (json_int_t)m->limits->max_buckets,
		"memory_bytes", (json_int_t)m->limits->memory_bytes, "memory_limit",
		(json_int_t)m->limits->memory_limit,
		"features", features, "tables", tables_json(m->tables), "state_write_error", m->state_write_error);
}

static void print_confirm(const Pepctl__V1__GetServerInfoResponse *m)
{
	char left[32];

	confirm_format_left(m->confirm_left_nano, left);
	if (m->confirm_revision)
		printf("revision %llu waits to be confirmed: undone in %s\n",
			(unsigned long long)m->confirm_revision, left);
}

static void print_memory(const Pepctl__V1__Limits *m)
{
	const double mebi = 1024 * 1024;

	if (m->memory_limit)
		printf("the kernel's tables take %.1f MiB of at most %.1f\n", (double)m->memory_bytes / mebi,
			(double)m->memory_limit / mebi);
	else
		printf("the kernel's tables take %.1f MiB\n", (double)m->memory_bytes / mebi);
}

static void print_info(const Pepctl__V1__GetServerInfoResponse *m)
{
	char started[40];

	output_local_time(m->started_time, started);
	printf("pepctld %s (%s), pid %u, since %s\n", m->version, m->protocol, m->pid, started);
	printf("revision %llu%s%s%s\n", (unsigned long long)m->revision,
		*m->difference ? ", enforced is another: " : ", enforced", *m->difference ? m->difference : "",
		"");
	print_confirm(m);
	printf("policies %llu of at most %llu, interfaces at most %llu, event ring %llu bytes\n",
		(unsigned long long)m->limits->policies, (unsigned long long)m->limits->max_policies,
		(unsigned long long)m->limits->max_interfaces, (unsigned long long)m->limits->ring_bytes);
	printf("sets %llu of at most %llu, members %llu of at most %llu\n",
		(unsigned long long)m->limits->sets, (unsigned long long)m->limits->max_sets,
		(unsigned long long)m->limits->members, (unsigned long long)m->limits->max_members);
	printf("rate limits per src, dst or flow: at most %llu buckets\n",
		(unsigned long long)m->limits->max_buckets);
	print_memory(m->limits);
	if (m->tables)
		printf("tables: %llu policies in %llu tuples, longest run %llu; a packet costs at most %llu "
		       "steps\n",
			(unsigned long long)m->tables->entries, (unsigned long long)m->tables->tuples,
			(unsigned long long)m->tables->longest_run,
			(unsigned long long)m->tables->most_steps);
	printf("kernel %s, program %u, %s\n", m->kernel, m->program_id, m->adopted);
	printf("state %s, pins %s\n", m->state_dir, m->pin_dir);
	if (*m->state_write_error)
		printf("the last write to the state folder failed: %s\n", m->state_write_error);
}

int info_get(struct cli *cli, Pepctl__V1__GetServerInfoResponse **ret)
{
	Pepctl__V1__GetServerInfoRequest request;

	pepctl__v1__get_server_info_request__init(&request);
	return cli_call(cli, METHOD_GET_SERVER_INFO, &request.base, ret);
}

int info_main(struct cli *cli, struct words *words)
{
	Pepctl__V1__GetServerInfoResponse *answer;
	int status;

	if (words_take(words, "help")) {
		printf("Usage: pepctl info\n  what the daemon is, enforces and can hold\n");
		return EXIT_DONE;
	}
	status = words_end(words);
	if (!status)
		status = info_get(cli, &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(with_confirm(info_json(answer), answer));
	else
		print_info(answer);
	return EXIT_DONE;
}
