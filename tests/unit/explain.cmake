pep_unit_test(policy_match SOURCES test_policy_match.c LIBS pep_oracle)
pep_unit_test(flow SOURCES test_flow.c LIBS pep_common)
pep_unit_test(policy_store_protect SOURCES test_policy_store_protect.c protect_world.c store_world.c
    ${PROJECT_SOURCE_DIR}/tests/datapath/engine.c LIBS pep_store)
pep_unit_test(policy_store_view SOURCES test_policy_store_view.c store_world.c
    ${PROJECT_SOURCE_DIR}/tests/datapath/engine.c LIBS pep_store)
