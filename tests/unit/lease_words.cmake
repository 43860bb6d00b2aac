pep_unit_test(lease_words
    SOURCES test_lease_words.c ${PROJECT_SOURCE_DIR}/client/cli/lease_words.c
    LIBS pep_common PkgConfig::JANSSON)
