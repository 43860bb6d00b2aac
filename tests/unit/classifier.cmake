add_library(pep_classifier_world STATIC classifier_world.c)
target_link_libraries(pep_classifier_world PUBLIC pep_engine PkgConfig::CMOCKA)

foreach(name IN ITEMS
        classifier classifier_adopt classifier_classes classifier_members classifier_runs classifier_spread)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_classifier_world)
endforeach()
pep_unit_test(classifier_fail
    SOURCES test_classifier_fail.c LIBS pep_classifier_world pep_failing_memory)
target_link_options(test_classifier_fail PRIVATE
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
