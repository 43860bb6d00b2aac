pep_unit_test(method SOURCES test_method.c LIBS pep_common)
pep_unit_test(arena SOURCES test_arena.c LIBS pep_common)
