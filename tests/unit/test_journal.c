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

#include "server/journal.h"
#include "server/journal_format.h"
#include "server/state_file.h"

static char folder[] = "/tmp/pepctl-journal-XXXXXX";
static int dir = -1;
static char seen[256]; /* "SEQUENCE:PAYLOAD " of each record */

static int open_folder(void **state)
{
	(void)state;
	dir = mkdtemp(folder) ? state_open(folder, NULL) : -1;
	return dir < 0;
}

static int close_folder(void **state)
{
	(void)state;
	close(dir);
	return rmdir(folder);
}

static int remove_files(void **state)
{
	static const char *const names[] = {
		"journal", "journal.new", "journal.damaged", "journal.damaged.1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(dir, names[i], 0);
	return 0;
}

static int see(void *data, const struct journal_record *record, struct error *err)
{
	size_t at = strlen(seen);

	(void)data;
	(void)err;
	snprintf(seen + at, sizeof(seen) - at, "%u:%.*s ", (unsigned int)record->sequence,
		(int)record->size, (const char *)record->payload);
	return 0;
}

static struct journal *reopen(struct journal *old, const char *records, const char *notice)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct journal *j = NULL;

	journal_close(old);
	seen[0] = 0;
	if (journal_open(dir, see, NULL, &j, &err))
		fail_msg("%s", error_message(&err));
	assert_string_equal(seen, records);
	if (!notice)
		assert_null(journal_notice(j));
	else
		assert_non_null(strstr(journal_notice(j), notice));
	return j;
}

static struct journal_record record(uint64_t sequence, const char *text)
{
	return (struct journal_record){1, sequence, text, strlen(text)};
}

static void append(struct journal *j, uint64_t sequence, const char *text)
{
	struct journal_record r = record(sequence, text);

	assert_int_equal(journal_append(j, &r, 1, NULL), 0);
}

static void poke(off_t at, const char *bytes)
{
	_cleanup_close_ int fd = openat(dir, "journal", O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
}

static void shorten(uint64_t size)
{
	_cleanup_close_ int fd = openat(dir, "journal", O_WRONLY);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
}

static void test_appended_and_rewritten(void **state)
{
	struct journal_record two[] = {record(3, "c"), record(9, "")};
	struct journal *j = reopen(NULL, "", NULL);
	struct stat st;

	(void)state;
	assert_int_equal(fstatat(dir, "journal", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	append(j, 1, "one");
	assert_int_equal(journal_append(j, two, 2, NULL), 0);
	assert_int_equal(journal_append(j, NULL, 0, NULL), 0);
	assert_int_equal(journal_size(j), 24 + 3 * 20 + 4);
	j = reopen(j, "1:one 3:c 9: ", NULL);
	assert_int_equal(journal_rewrite(j, two, 2, NULL), 0);
	append(j, 10, "ten");
	j = reopen(j, "3:c 9: 10:ten ", NULL);
	assert_true(faccessat(dir, "journal.new", F_OK, 0) < 0);
	journal_close(j);
}

static void test_what_is_not_taken(void **state)
{
	struct journal_record big = {1, 7, "", JOURNAL_PAYLOAD_MAX + 1u};
	struct journal_record same[] = {record(6, "a"), record(6, "b")};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct journal *j = reopen(NULL, "", NULL);

	(void)state;
	append(j, 5, "x");
	assert_int_equal(journal_append(j, &big, 1, &err), -EINVAL);
	assert_string_equal(error_reason(&err), "JOURNAL_FULL");
	assert_int_equal(journal_append(j, same, 2, &err), -EINVAL);
	assert_string_equal(error_reason(&err), "JOURNAL_SEQUENCE");
	j = reopen(j, "5:x ", NULL);
	same[0].sequence = 5;
	assert_int_equal(journal_append(j, same, 1, NULL), -EINVAL);
	journal_close(j);
}

/* At every length that a crash may leave. */
static void test_a_group_cut_short(void **state)
{
	struct journal_record two[] = {record(2, "two"), record(3, "three")};
	struct journal *j = reopen(NULL, "", NULL);
	uint64_t before, after;

	(void)state;
	append(j, 1, "one");
	before = journal_size(j);
	assert_int_equal(journal_append(j, two, 2, NULL), 0);
	after = journal_size(j);
	for (uint64_t size = before + 1; size < after; size++) {
		shorten(size);
		j = reopen(j, "1:one ", "cut short");
		assert_int_equal(journal_size(j), before);
		assert_int_equal(journal_append(j, two, 2, NULL), 0);
		j = reopen(j, "1:one 2:two 3:three ", NULL);
	}
	poke((off_t)before, "x"); /* the group's second record is good */
	j = reopen(j, "1:one ", "cut short");
	journal_close(j);
}

static void test_damage_is_set_aside(void **state)
{
	struct journal *j = reopen(NULL, "", NULL);

	(void)state;
	append(j, 1, "one");
	append(j, 2, "two");
	append(j, 3, "three");
	poke(24 + 23 + 20, "T");
	j = reopen(j, "1:one ", "journal.damaged in");
	j = reopen(j, "1:one ", NULL);
	poke(0, "no");
	j = reopen(j, "", "journal.damaged.1 in");
	assert_int_equal(faccessat(dir, "journal.damaged", F_OK, 0), 0);
	append(j, 1, "again");
	j = reopen(j, "1:again ", NULL);
	journal_close(j);
}

static void test_others_may_write(void **state)
{
	struct journal *j = reopen(NULL, "", NULL);

	(void)state;
	append(j, 1, "one");
	assert_int_equal(fchmodat(dir, "journal", 0620, 0), 0);
	j = reopen(j, "", "others may write");
	journal_close(j);
}

static void test_no_plain_file(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct journal *j;

	(void)state;
	assert_int_equal(symlinkat("nowhere", dir, "journal"), 0);
	assert_true(journal_open(dir, see, NULL, &j, &err) < 0);
	assert_string_equal(error_reason(&err), "JOURNAL");
}

static int no_use(void *data, const struct journal_record *r, struct error *err)
{
	(void)data;
	(void)r;
	return error_set(err, ERROR_INVALID, "NO_USE", "no use");
}

static void test_a_reader_that_refuses(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct journal *j = reopen(NULL, "", NULL);

	(void)state;
	append(j, 1, "one");
	append(j, 2, "two");
	shorten(journal_size(j) - 1);
	journal_close(j);
	assert_int_equal(journal_open(dir, no_use, NULL, &j, &err), -EINVAL);
	assert_string_equal(error_reason(&err), "NO_USE");
	journal_close(reopen(NULL, "1:one ", "cut short")); /* had not been touched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_appended_and_rewritten, remove_files),
		cmocka_unit_test_teardown(test_what_is_not_taken, remove_files),
		cmocka_unit_test_teardown(test_a_group_cut_short, remove_files),
		cmocka_unit_test_teardown(test_damage_is_set_aside, remove_files),
		cmocka_unit_test_teardown(test_others_may_write, remove_files),
		cmocka_unit_test_teardown(test_no_plain_file, remove_files),
		cmocka_unit_test_teardown(test_a_reader_that_refuses, remove_files),
	};

	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
