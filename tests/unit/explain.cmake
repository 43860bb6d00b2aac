pep_unit_test(policy_match SOURCES test_policy_match.c LIBS pep_oracle)
pep_unit_test(flow SOURCES test_flow.c LIBS pep_common)
