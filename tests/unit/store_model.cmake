# The store beside a model of it: as many operations as its argument says.
pep_unit_test(store_model SOURCES test_store_model.c store_model.c store_model_compare.c store_model_ends.c store_model_judge.c
    store_model_leases.c store_model_random.c store_model_rules.c
    store_model_run.c store_model_text.c
    LIBS pep_random pep_store_world)
# Sanitized, an operation takes ten times as long.
target_compile_definitions(test_store_model PRIVATE OPERATIONS=$<IF:$<BOOL:${PEP_SANITIZE}>,4000ul,20000ul>)
