/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The table against the services of the .proto files, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/method.h"
#include "health.pb-c.h"
#include "pepctl.pb-c.h"

static const ProtobufCServiceDescriptor *const services[] = {
	&pepctl__v1__pepctl__descriptor,
	&grpc__health__v1__health__descriptor,
};

static const struct method *find(const char *service, const char *name, bool *ret_known)
{
	return method_find(service, strlen(service), name, strlen(name), ret_known);
}

static void test_every_method_of_the_proto_is_in_the_table(void **state)
{
	size_t count = 0;
	bool known;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(services); s++)
		for (unsigned int i = 0; i < services[s]->n_methods; i++, count++) {
			const ProtobufCMethodDescriptor *m = &services[s]->methods[i];
			const struct method *found = find(services[s]->name, m->name, &known);

			assert_non_null(found);
			assert_true(known);
			assert_ptr_equal(found->request, m->input);
			assert_ptr_equal(found->response, m->output);
		}
	assert_int_equal(count, METHOD_COUNT);
}

static void test_unknown_names(void **state)
{
	bool known = true;

	(void)state;
	assert_null(find("pepctl.v1.Pep", "GetPolicy", &known));
	assert_false(known);
	assert_null(find("pepctl.v1.Pepctl", "GetPolic", &known));
	assert_true(known);
	assert_null(find("pepctl.v1.Pepctl", "Check", &known));
	assert_null(find("", "", &known));
	assert_false(known);
}

static void test_who_reads_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		assert_non_null(method_table[i].name);
		if (i != METHOD_EXPLAIN_PACKET) /* whose operations are only asked about */
			assert_int_equal(
				method_table[i].mutates, method_table[i].right != METHOD_READ);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_method_of_the_proto_is_in_the_table),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_who_reads_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
