pep_unit_test(method SOURCES test_method.c LIBS pep_common)
pep_unit_test(arena SOURCES test_arena.c LIBS pep_common)
pep_unit_test(frame SOURCES test_frame.c LIBS pep_common)
pep_unit_test(envelope SOURCES test_envelope.c LIBS pep_common)
