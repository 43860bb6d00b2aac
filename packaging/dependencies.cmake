# Every dependency is looked up here, and a missing one is named by its Debian package.

find_package(PkgConfig REQUIRED)

function(pep_require target module package)
    pkg_check_modules(${target} IMPORTED_TARGET ${module})
    if(NOT ${target}_FOUND)
        message(FATAL_ERROR "${module} is missing: apt-get install ${package}")
    endif()
endfunction()

function(pep_require_program variable program package)
    find_program(${variable} ${program} PATHS /usr/sbin /sbin)
    if(NOT ${variable})
        message(FATAL_ERROR "The program ${program} is missing: apt-get install ${package}")
    endif()
endfunction()

pep_require(LIBBPF "libbpf>=1.1" libbpf-dev)
pep_require(LIBELF libelf libelf-dev)
pep_require(ZLIB zlib zlib1g-dev)
pep_require(LIBUV "libuv>=1.44" libuv1-dev)
pep_require(PROTOBUF_C "libprotobuf-c>=1.4" libprotobuf-c-dev)
pep_require(JANSSON jansson libjansson-dev)
pep_require(CMOCKA cmocka libcmocka-dev)
pep_require_program(PEP_CLANG clang clang)
pep_require_program(PEP_BPFTOOL bpftool bpftool)
pep_require_program(PEP_PROTOC_C protoc-c protobuf-c-compiler)
pep_require_program(PEP_PROTOC protoc protobuf-compiler)
