foreach(name IN ITEMS change text text_file)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_common)
endforeach()
