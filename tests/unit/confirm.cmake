pep_unit_test(confirm_state
    SOURCES test_confirm_state.c ${PROJECT_SOURCE_DIR}/client/cli/confirm_state.c LIBS pep_common)
