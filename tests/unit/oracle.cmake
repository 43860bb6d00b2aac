pep_unit_test(oracle SOURCES test_oracle.c LIBS pep_oracle)
foreach(name IN ITEMS flow_random differential classbench witness)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_oracle)
endforeach()
