# The store over a backend that only remembers.
add_library(pep_store_world STATIC store_world.c store_answer.c store_drive.c)
target_link_libraries(pep_store_world PUBLIC pep_flags pep_store pep_engine PkgConfig::CMOCKA)

foreach(name IN ITEMS policy_store policy_store_order policy_store_requests policy_store_timers policy_store_view)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_store_world)
endforeach()
foreach(name IN ITEMS sets sets_random)
    pep_unit_test(policy_store_${name} SOURCES test_policy_store_${name}.c told_world.c LIBS pep_store_world)
endforeach()
pep_unit_test(policy_store_history SOURCES test_policy_store_history.c LIBS pep_random pep_store_world)
add_library(pep_lease_world STATIC lease_world.c)
target_link_libraries(pep_lease_world PUBLIC pep_store_world)
foreach(name IN ITEMS guards leases)
    pep_unit_test(policy_store_${name} SOURCES test_policy_store_${name}.c LIBS pep_lease_world)
endforeach()
pep_unit_test(policy_store_leases_random
    SOURCES test_policy_store_leases_random.c LIBS pep_lease_world pep_random)
pep_unit_test(policy_store_protect SOURCES test_policy_store_protect.c protect_world.c LIBS pep_store_world)
# These look at what the store tells the classifier.
foreach(name IN ITEMS guards leases leases_random sets sets_random)
    target_link_options(test_policy_store_${name} PRIVATE LINKER:--wrap=classifier_plan)
endforeach()
