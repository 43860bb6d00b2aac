pep_unit_test(export SOURCES test_export.c random_ruleset.c random_policy.c LIBS pep_store_world)
# Sanitized, a ruleset takes ten times as long.
target_compile_definitions(test_export PRIVATE RULESETS=$<IF:$<BOOL:${PEP_SANITIZE}>,1000u,10000u>)
