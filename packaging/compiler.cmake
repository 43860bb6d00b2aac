# Flags for all host code. The packet program has its own (bpf/CMakeLists.txt).

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
option(PEP_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(pep_flags INTERFACE)
target_compile_definitions(pep_flags INTERFACE _GNU_SOURCE)
target_include_directories(pep_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(pep_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough
    -Wnull-dereference -Wdouble-promotion -fno-strict-aliasing -fno-common)
if(PEP_SANITIZE)
    target_compile_options(pep_flags INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pep_flags INTERFACE -fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    # -O2, not -O3: the hot paths are measured with it, and distributions build with it.
    set(CMAKE_C_FLAGS_RELEASE "-O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection")
    target_link_options(pep_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
