pep_unit_test(oracle SOURCES test_oracle.c LIBS pep_oracle)
foreach(name IN ITEMS flow_random differential)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_oracle)
endforeach()
pep_unit_test(classbench SOURCES test_classbench.c LIBS pep_oracle)
target_compile_definitions(test_classbench PRIVATE
    CLASSBENCH_DATA="${PROJECT_SOURCE_DIR}/tests/data/classbench")
