/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/state_file.h"

static char folder[] = "/tmp/pepctl-state-XXXXXX";
static int dir = -1;

static int open_folder(void **state)
{
	(void)state;
	dir = mkdtemp(folder) ? state_open(folder, NULL) : -1;
	return dir < 0;
}

static int close_folder(void **state)
{
	struct state empty = {0};

	(void)state;
	state_write(dir, &empty, NULL);
	unlinkat(dir, "sets", AT_REMOVEDIR);
	unlinkat(dir, "state", 0);
	close(dir);
	return rmdir(folder);
}

static void write_state(const char *text, const char *part, const char *members)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct state state = {.text = strdup(text), .size = strlen(text)};

	if (part) {
		state.parts = calloc(1, sizeof(*state.parts));
		state.part_count = 1;
		snprintf(state.parts[0].name, sizeof(state.parts[0].name), "%s", part);
		state.parts[0].text = members ? strdup(members) : NULL;
		state.parts[0].size = members ? strlen(members) : 0;
	}
	if (state_write(dir, &state, &err))
		fail_msg("%s", error_message(&err));
	state_deinit(&state);
}

/* Its text is as long as it says, without the checksum. */
static int read_state(char **ret, struct error *err)
{
	size_t size = 0;
	int r = state_read(dir, ret, &size, err);

	if (!r && *ret && !(r = state_strip_checksum(*ret, &size, err)))
		(*ret)[size] = 0;
	return r;
}

/* Flips a bit of a file. */
static void damage(const char *name, off_t at)
{
	int fd = openat(dir, name, O_RDWR);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static bool exists(const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static void test_parts_come_stay_and_go(void **state)
{
	char *text = NULL;
	size_t size;

	(void)state;
	assert_int_equal(state_read(dir, &text, &size, NULL), 0);
	assert_null(text);
	write_state("one", NULL, NULL);
	assert_false(exists("sets"));
	write_state("two", "sets/bad.2", "192.0.2.1\n");
	assert_int_equal(state_read_part(dir, "sets/bad.2", &text, &size, NULL), 0);
	assert_string_equal(text, "192.0.2.1\n");
	assert_int_equal(size, 10);
	free(text);
	write_state("three", "sets/bad.2", NULL);
	assert_true(exists("sets/bad.2"));
	close(openat(dir, "sets/bad.4.new", O_CREAT | O_WRONLY, 0600)); /* of a crash */
	write_state("four", "sets/bad.4", "::1\n");
	assert_false(exists("sets/bad.2"));
	assert_false(exists("sets/bad.4.new"));
	assert_true(exists("sets/bad.4"));
	assert_int_equal(read_state(&text, NULL), 0);
	assert_string_equal(text, "four");
	free(text);
	write_state("five", NULL, NULL);
	assert_false(exists("sets/bad.4"));
}

/* The old file stands when a part cannot be written. */
static void test_a_part_that_fails(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct state_part part = {.name = "sets/x.1", .size = 1};
	struct state next = {.size = 3, .parts = &part, .part_count = 1};
	char text[] = "bad", members[] = "x", *now = NULL;

	(void)state;
	write_state("good", NULL, NULL);
	next.text = text;
	part.text = members;
	mkdirat(dir, "sets", 0700);                          /* may stand already */
	assert_int_equal(mkdirat(dir, "sets/x.1", 0700), 0); /* in the way of the rename */
	assert_true(state_write(dir, &next, &err) < 0);
	assert_string_equal(error_reason(&err), "NOT_DURABLE");
	assert_int_equal(unlinkat(dir, "sets/x.1", AT_REMOVEDIR), 0);
	assert_false(exists("sets/x.1.new"));
	assert_int_equal(read_state(&now, NULL), 0);
	assert_string_equal(now, "good");
	free(now);
}

static void test_names_of_parts(void **state)
{
	static const char *const rows[][2] = {
		{"state", "no file of the state folder's sets/"},
		{"sets/../state", "no file of"},
		{"/etc/passwd", "no file of"},
		{"sets/none.1", "sets/none.1: No such file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		char *text = NULL;
		size_t size;

		assert_true(state_read_part(dir, rows[i][0], &text, &size, &err) < 0);
		assert_non_null(strstr(error_message(&err), rows[i][1]));
		assert_null(text);
	}
}

/* Each bit of a state file and of a part, the checksum's own included. */
static void test_damage(void **state)
{
	static const char members[] = "192.0.2.1\n";
	struct state good = {.text = (char[]){"a policy\n"}, .size = 9};

	(void)state;
	for (off_t at = 0; at < 9 + 19; at++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *text = NULL;

		write_state("a policy\n", NULL, NULL);
		assert_int_equal(state_verify(dir, &good, NULL), 0);
		damage("state", at);
		if (at >= 9 && at < 19) { /* no checksum any more, as where it was taken out by hand */
			assert_int_equal(read_state(&text, &err), 0);
			assert_int_equal(strncmp(text, "a policy\n", 9), 0);
		} else {
			assert_true(read_state(&text, &err) < 0);
			assert_string_equal(error_reason(&err), "STATE_DAMAGED");
		}
		assert_true(state_verify(dir, &good, NULL) < 0);
	}
	for (off_t at = 0; at < 10; at++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		char *text = NULL;
		size_t size;

		write_state("x", "sets/x.1", members);
		damage("sets/x.1", at);
		assert_true(state_read_part(dir, "sets/x.1", &text, &size, &err) < 0);
		assert_string_equal(error_reason(&err), "STATE_DAMAGED");
		assert_non_null(strstr(error_message(&err), "sets/x.1: it has not the checksum"));
		assert_null(text);
	}
}

/* One without a writer would be waited for. */
static void test_a_pipe_is_no_state_file(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size;

	(void)state;
	unlinkat(dir, "state", 0);
	assert_int_equal(mkfifoat(dir, "state", 0600), 0);
	assert_true(state_read(dir, &text, &size, &err) < 0);
	assert_string_equal(error_message(&err), "state is no plain file");
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_come_stay_and_go),
		cmocka_unit_test(test_a_part_that_fails),
		cmocka_unit_test(test_names_of_parts),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_a_pipe_is_no_state_file),
	};

	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
