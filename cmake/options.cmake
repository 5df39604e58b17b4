# Compiler flags that every target of adze gets, and the build's switches.

option(ADZE_TESTS "build the tests, the examples and the benchmarks" ON)
option(ADZE_WERROR "treat warnings as errors" OFF)
option(BUILD_SHARED_LIBS "build libadze-rt and libadze as shared libraries" OFF)
set(ADZE_SANITIZE "" CACHE STRING "value for -fsanitize, for example address,undefined")
option(ADZE_KERNELS_ONLY "build the kernels and their tests alone, for emulators" OFF)
option(ADZE_FUZZ "link tests/fuzz with libFuzzer, and count what its inputs reach (clang)" OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3")
set(CMAKE_C_VISIBILITY_PRESET default)

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

if(ADZE_SANITIZE)
    add_compile_options(-fsanitize=${ADZE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${ADZE_SANITIZE})
endif()
if(ADZE_FUZZ)
    add_compile_options(-O1 -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
    add_link_options(-fprofile-instr-generate)
endif()

# Numbers must not depend on the compiler: no contraction of a*b+c, no fast-math.
function(adze_target name)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wvla
                                           -ffp-contract=off -fno-math-errno)
    if(ADZE_WERROR)
        target_compile_options(${name} PRIVATE -Werror)
    endif()
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE ADZE_VERSION="${PROJECT_VERSION}")
    target_include_directories(${name}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${PROJECT_SOURCE_DIR}/src)
endfunction()
