foreach(name IN ITEMS member member_proto netset text_set)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_common)
endforeach()
