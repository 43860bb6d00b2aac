foreach(name IN ITEMS
        classifier classifier_adopt classifier_classes classifier_members classifier_runs classifier_spread)
    pep_unit_test(${name} SOURCES test_${name}.c classifier_world.c LIBS pep_engine)
endforeach()
pep_unit_test(classifier_fail
    SOURCES test_classifier_fail.c classifier_world.c failing_memory.c LIBS pep_engine)
target_link_options(test_classifier_fail PRIVATE
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
