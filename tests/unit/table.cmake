pep_unit_test(table SOURCES test_table.c ${PROJECT_SOURCE_DIR}/common/table.c)
