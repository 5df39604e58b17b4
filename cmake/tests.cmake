# Every tests/<folder>/test_*.c is one cmocka program, run by CTest from the source root.

pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# Random checkpoints in real shapes: `./dev synth`, and the models that tests make for themselves.
add_library(adze-synth STATIC tools/synth/synth.c tools/synth/tokenizer.c)
adze_target(adze-synth)
target_include_directories(adze-synth PUBLIC ${PROJECT_SOURCE_DIR}/tools/synth)
target_link_libraries(adze-synth PUBLIC adze m)
add_executable(synth tools/synth/main.c)
adze_target(synth)
target_link_libraries(synth PRIVATE adze-synth)

file(GLOB TEST_SOURCES CONFIGURE_DEPENDS tests/*/test_*.c)
foreach(source ${TEST_SOURCES})
    get_filename_component(name ${source} NAME_WE)
    get_filename_component(folder ${source} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    set(target ${folder}_${name})
    add_executable(${target} ${source})
    adze_target(${target})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${target} PRIVATE adze-synth adze PkgConfig::CMOCKA PkgConfig::JANSSON m)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${folder}/${name} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${folder}/${name} PROPERTIES TIMEOUT 900
        ENVIRONMENT "ADZE_BIN=$<TARGET_FILE:adze-bin>")
endforeach()

# Tests written as scripts.
file(GLOB TEST_SCRIPTS CONFIGURE_DEPENDS tests/*/test_*.sh)
foreach(script ${TEST_SCRIPTS})
    get_filename_component(name ${script} NAME_WE)
    get_filename_component(folder ${script} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    add_test(NAME ${folder}/${name} COMMAND sh ${script} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${folder}/${name} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77
        ENVIRONMENT "ADZE_BIN=$<TARGET_FILE:adze-bin>;ADZE_BUILD=${PROJECT_BINARY_DIR}")
endforeach()

# What adze computes, for comparison with real frameworks.
add_executable(interop_dump tests/interop/dump_logits.c)
adze_target(interop_dump)
target_link_libraries(interop_dump PRIVATE adze)
foreach(name made_checkpoint made_encoder)
    add_executable(${name} tests/interop/${name}.c)
    adze_target(${name})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE adze PkgConfig::CMOCKA PkgConfig::JANSSON)
endforeach()

# Examples: small, and built like any user's program.
file(GLOB EXAMPLES CONFIGURE_DEPENDS examples/*.c)
foreach(source ${EXAMPLES})
    get_filename_component(name ${source} NAME_WE)
    add_executable(example_${name} ${source})
    target_link_libraries(example_${name} PRIVATE adze)
    target_compile_options(example_${name} PRIVATE -Wall -Wextra -Wshadow)
    set_target_properties(example_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endforeach()

# Benchmarks: built with the tests, run by `./dev bench`.
file(GLOB BENCHES CONFIGURE_DEPENDS bench/bench_*.c)
foreach(source ${BENCHES})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    adze_target(${name})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE adze m)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endforeach()

# Chat templates on lines, for comparison with jinja2.
add_executable(render_lines tests/text/render_lines.c)
adze_target(render_lines)
target_link_libraries(render_lines PRIVATE adze-rt PkgConfig::JANSSON)

# Parsers of untrusted bytes: tests/fuzz/README.md.
include(cmake/fuzz.cmake)
