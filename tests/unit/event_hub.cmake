add_library(pep_hub_world STATIC hub_world.c)
target_link_libraries(pep_hub_world PUBLIC pep_event_hub PkgConfig::CMOCKA)

foreach(name IN ITEMS event_hub event_hub_clients event_hub_filter event_hub_random)
    pep_unit_test(${name} SOURCES test_${name}.c LIBS pep_hub_world)
endforeach()
pep_unit_test(event_pack SOURCES test_event_pack.c LIBS pep_event_hub)
pep_unit_test(event_queue SOURCES test_event_queue.c LIBS pep_event_hub)
