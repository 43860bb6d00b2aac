pep_unit_test(policy_store SOURCES test_policy_store.c LIBS pep_store)
