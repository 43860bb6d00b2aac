pep_unit_test(quota SOURCES test_quota.c ${PROJECT_SOURCE_DIR}/server/quota.c LIBS pep_common)
pep_unit_test(log SOURCES test_log.c ${PROJECT_SOURCE_DIR}/server/log.c LIBS pep_common)
foreach(name IN ITEMS sock_diag session_list)
    pep_unit_test(${name} SOURCES test_${name}.c tcp_connection.c LIBS pep_store)
endforeach()
target_link_options(test_session_list PRIVATE LINKER:--wrap=sock_diag_read,--wrap=tcp_tally_read)
pep_unit_test(tcp_tally SOURCES test_tcp_tally.c LIBS pep_store)
pep_unit_test(links SOURCES test_links.c LIBS pep_store)
pep_unit_test(route SOURCES test_route.c LIBS pep_store)
pep_unit_test(member_set SOURCES test_member_set.c LIBS pep_store)
pep_unit_test(state_file SOURCES test_state_file.c LIBS pep_store)
pep_unit_test(crc32c SOURCES test_crc32c.c LIBS pep_store)
pep_unit_test(journal_format SOURCES test_journal_format.c LIBS pep_store)
pep_unit_test(request_memory SOURCES test_request_memory.c LIBS pep_store)
pep_unit_test(journal SOURCES test_journal.c LIBS pep_store)
pep_unit_test(user SOURCES test_user.c LIBS pep_rpc)
# On a disk in memory.
pep_unit_test(journal_crash SOURCES test_journal_crash.c crash_fs.c crash_fs_calls.c LIBS pep_store)
pep_unit_test(store_crash SOURCES test_store_crash.c crash_session.c crash_trace.c crash_transaction.c
    disk_world.c crash_fs.c crash_fs_calls.c LIBS pep_store_world)
target_compile_definitions(test_store_crash PRIVATE STRIDE=$<IF:$<BOOL:${PEP_SANITIZE}>,45u,1u>)
pep_unit_test(store_crash_random SOURCES test_store_crash_random.c crash_random.c random_policy.c crash_session.c
    crash_trace.c crash_transaction.c disk_world.c crash_fs.c crash_fs_calls.c LIBS pep_store_world)
target_compile_definitions(test_store_crash_random PRIVATE SESSIONS=$<IF:$<BOOL:${PEP_SANITIZE}>,200ul,4000ul>)
foreach(name IN ITEMS store_crash store_crash_random)
    target_link_options(test_${name} PRIVATE LINKER:--wrap=classifier_plan,--wrap=classifier_commit
        LINKER:--wrap=classifier_abort,--wrap=classifier_settle)
endforeach()
foreach(name IN ITEMS journal_crash store_crash store_crash_random)
    target_link_options(test_${name} PRIVATE
        LINKER:--wrap=openat,--wrap=faccessat,--wrap=fstat,--wrap=close,--wrap=fsync,--wrap=fdatasync
        LINKER:--wrap=ftruncate,--wrap=renameat,--wrap=unlinkat,--wrap=linkat,--wrap=mkdirat
        LINKER:--wrap=fdopendir,--wrap=readdir,--wrap=closedir,--wrap=pread,--wrap=__pread_chk
        LINKER:--wrap=pwritev,--wrap=read,--wrap=__read_chk,--wrap=write)
endforeach()
foreach(name IN ITEMS lease_table lease_table_random)
    pep_unit_test(${name} SOURCES test_${name}.c failing_memory.c LIBS pep_store)
    target_link_options(test_${name} PRIVATE
        LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
endforeach()
foreach(name IN ITEMS lease_codec lease_codec_wrong)
    pep_unit_test(${name} SOURCES test_${name}.c lease_wanted.c failing_memory.c LIBS pep_store)
    target_link_options(test_${name} PRIVATE
        LINKER:--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray)
endforeach()
