pep_unit_test(export SOURCES test_export.c LIBS pep_random pep_store_world)
# Sanitized, a ruleset takes ten times as long.
target_compile_definitions(test_export PRIVATE RULESETS=$<IF:$<BOOL:${PEP_SANITIZE}>,200u,10000u>)
