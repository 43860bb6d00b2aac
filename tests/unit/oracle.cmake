pep_unit_test(oracle SOURCES test_oracle.c LIBS pep_oracle)
