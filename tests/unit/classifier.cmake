set(server ${PROJECT_SOURCE_DIR}/server)
pep_unit_test(classifier
    SOURCES test_classifier.c ${server}/classifier.c ${server}/classifier_tables.c ${server}/ladder.c
    LIBS pep_common)
