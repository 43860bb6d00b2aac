pep_unit_test(pcapng
    SOURCES test_pcapng.c ${PROJECT_SOURCE_DIR}/client/cli/pcapng.c LIBS pep_common)
