set(room ${PROJECT_SOURCE_DIR})
pep_unit_test(classifier SOURCES test_classifier.c
    ${room}/server/classifier.c ${room}/server/classifier_tables.c ${room}/server/ladder.c
    ${room}/common/policy.c ${room}/common/error.c ${room}/common/table.c)
