pep_unit_test(policy SOURCES test_policy.c LIBS pep_common)
