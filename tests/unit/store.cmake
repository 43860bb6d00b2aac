# The store over a backend that only remembers.
add_library(pep_store_world STATIC store_world.c store_answer.c ${PROJECT_SOURCE_DIR}/tests/datapath/engine.c)
target_link_libraries(pep_store_world PUBLIC pep_flags pep_store PkgConfig::CMOCKA)

foreach(name IN ITEMS policy_store policy_store_sets policy_store_view)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_store_world)
endforeach()
foreach(name IN ITEMS policy_store_history policy_store_leases)
    pep_unit_test(${name} SOURCES test_${name}.c random_policy.c LIBS pep_store_world)
endforeach()
pep_unit_test(policy_store_protect SOURCES test_policy_store_protect.c protect_world.c LIBS pep_store_world)
# These look at what the store tells the classifier.
target_link_options(test_policy_store_sets PRIVATE LINKER:--wrap=classifier_plan)
target_link_options(test_policy_store_leases PRIVATE LINKER:--wrap=classifier_plan)
