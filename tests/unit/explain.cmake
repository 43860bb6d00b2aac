pep_unit_test(policy_match SOURCES test_policy_match.c LIBS pep_oracle)
