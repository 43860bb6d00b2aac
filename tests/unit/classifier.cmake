foreach(name IN ITEMS classifier classifier_adopt classifier_members classifier_runs)
    pep_unit_test(${name} SOURCES test_${name}.c classifier_world.c LIBS pep_engine)
endforeach()
