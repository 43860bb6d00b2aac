/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Lines as they reach a packet pipe in stderr's place, which keeps what was written at once apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"

static int stderr_kept, reader;

static int begin(void **state)
{
	int ends[2];

	(void)state;
	stderr_kept = dup(STDERR_FILENO);
	if (stderr_kept < 0 || pipe2(ends, O_DIRECT | O_NONBLOCK) < 0)
		return -1;
	reader = ends[0];
	return dup2(ends[1], STDERR_FILENO) < 0 || close(ends[1]) < 0 ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	close(reader);
	return dup2(stderr_kept, STDERR_FILENO) < 0 || close(stderr_kept) < 0 ? -1 : 0;
}

/* One write's bytes, terminated; "" = there was none. */
static const char *next_write(void)
{
	static char bytes[4097];
	ssize_t size = read(reader, bytes, sizeof(bytes) - 1);

	bytes[size < 0 ? 0 : size] = 0;
	return bytes;
}

static void test_a_line_is_a_write(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_INFO);
	errno = EXDEV;
	log_info("first %d", 1);
	log_debug("not this");
	log_error("second");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(next_write(), "info: first 1\n");
	assert_string_equal(next_write(), "error: second\n");
	assert_string_equal(next_write(), "");
}

static void test_the_journal_has_numbers(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:9", 1);
	log_init(LOG_LEVEL_WARN);
	unsetenv("JOURNAL_STREAM");
	log_info("not this");
	log_warn("this");
	assert_string_equal(next_write(), "<4>this\n");
	assert_string_equal(next_write(), "");
	log_init(LOG_LEVEL_INFO);
}

static void *log_elsewhere(void *data)
{
	(void)data;
	log_info("of another thread");
	return NULL;
}

static void test_gathered_lines_are_one_write(void **state)
{
	pthread_t other;

	(void)state;
	log_gather();
	log_info("first");
	log_warn("second");
	assert_int_equal(pthread_create(&other, NULL, log_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_string_equal(next_write(), "info: of another thread\n");
	assert_string_equal(next_write(), "");
	log_release();
	assert_string_equal(next_write(), "info: first\nwarn: second\n");
	log_release();
	log_info("third");
	assert_string_equal(next_write(), "info: third\n");
	assert_string_equal(next_write(), "");
}

/* Whole ones only, each once and in order. */
static void test_many_gathered_lines(void **state)
{
	unsigned int number, next = 0;
	int length;

	(void)state;
	log_gather();
	for (unsigned int i = 0; i < 1000; i++)
		log_info("line %u", i);
	log_release();
	for (const char *at = next_write(); *at; at = next_write())
		for (; *at; at += length) {
			length = 0;
			assert_int_equal(sscanf(at, "info: line %u\n%n", &number, &length), 1);
			assert_int_equal(number, next++);
			assert_true(length > 0);
		}
	assert_int_equal(next, 1000);
}

static void test_a_long_line_is_cut(void **state)
{
	char text[5000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int gathered = 0; gathered < 2; gathered++) {
		if (gathered)
			log_gather();
		log_info("%s", text);
		log_release();
		line = next_write();
		assert_int_equal(strlen(line), 4096);
		assert_string_equal(line + 4090, "xxxxx\n");
		assert_string_equal(next_write(), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_line_is_a_write, begin, end),
		cmocka_unit_test_setup_teardown(test_the_journal_has_numbers, begin, end),
		cmocka_unit_test_setup_teardown(test_gathered_lines_are_one_write, begin, end),
		cmocka_unit_test_setup_teardown(test_many_gathered_lines, begin, end),
		cmocka_unit_test_setup_teardown(test_a_long_line_is_cut, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
