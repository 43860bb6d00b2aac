pep_unit_test(table SOURCES test_table.c LIBS pep_common)
