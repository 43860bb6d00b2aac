pep_unit_test(oracle SOURCES test_oracle.c LIBS pep_oracle)
pep_unit_test(flow_random SOURCES test_flow_random.c LIBS pep_oracle)
