# Puts files into the program as C arrays. Included by the build; run with -P it writes one array:
#   cmake -D IN=page.html -D OUT=page.c -D NAME=az_report_page -P embed.cmake

if(CMAKE_SCRIPT_MODE_FILE)
    file(READ "${IN}" bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REPEAT "[0-9a-f]" 40 line)
    string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    get_filename_component(file "${IN}" NAME)
    file(WRITE "${OUT}" "/* Made from ${file} by cmake/embed.cmake. */\n#include <stddef.h>\n"
        "extern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_size;\n"
        "const size_t ${NAME}_size = ${size};\nconst unsigned char ${NAME}[] = {\n${bytes}\n};\n")
    return()
endif()

set(EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(adze_embed target file name)
    set(out ${PROJECT_BINARY_DIR}/embed/${name}.c)
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -D IN=${PROJECT_SOURCE_DIR}/${file} -D OUT=${out} -D NAME=${name} -P ${EMBED_SCRIPT}
        DEPENDS ${PROJECT_SOURCE_DIR}/${file} ${EMBED_SCRIPT} VERBATIM)
    target_sources(${target} PRIVATE ${out})
endfunction()

adze_embed(adze web/dist/report.html az_report_page)
