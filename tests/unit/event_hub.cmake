set(server ${PROJECT_SOURCE_DIR}/server)
set(event_hub ${server}/event_hub.c ${server}/event_hub_backlog.c ${server}/event_hub_filter.c
    ${server}/event_hub_replay.c ${server}/event_hub_subscriber.c ${server}/event_pack.c
    ${server}/event_queue.c)
foreach(name IN ITEMS event_hub event_hub_clients event_hub_filter event_hub_random)
    pep_unit_test(${name} SOURCES test_${name}.c hub_world.c ${event_hub} LIBS pep_common)
endforeach()
pep_unit_test(event_pack SOURCES test_event_pack.c ${server}/event_pack.c LIBS pep_common)
pep_unit_test(event_queue SOURCES test_event_queue.c ${server}/event_queue.c LIBS pep_common)
