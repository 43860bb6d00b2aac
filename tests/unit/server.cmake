pep_unit_test(policy_store SOURCES test_policy_store.c LIBS pep_store)
pep_unit_test(quota SOURCES test_quota.c ${PROJECT_SOURCE_DIR}/server/quota.c LIBS pep_common)
pep_unit_test(member_set SOURCES test_member_set.c LIBS pep_store)
