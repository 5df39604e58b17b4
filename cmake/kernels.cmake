# The kernels' sources for this processor: each instruction set's files get their own flags, the rest of the program stays
# at the baseline. With ADZE_KERNELS_ONLY their tests are all that is built, statically and without any library, so that
# another processor's run under emulation with nothing but its compiler.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(KERNEL_ISA_FOLDER x86)
    set(KERNEL_ISAS avx2 avxvnni avx512 avx512vnni avx512bf16)
    set(FLAGS_avx2 -mavx2 -mfma -mf16c)
    set(FLAGS_avxvnni ${FLAGS_avx2} -mavxvnni)
    set(FLAGS_avx512 ${FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
    set(FLAGS_avx512vnni ${FLAGS_avx512} -mavx512vnni)
    set(FLAGS_avx512bf16 ${FLAGS_avx512} -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(KERNEL_ISA_FOLDER arm)
    set(KERNEL_ISAS neon dotprod i8mm)
    # gcc would move the loads of a whole unrolled block to its top, and then put half of them aside.
    if(CMAKE_C_COMPILER_ID STREQUAL GNU)
        set(FLAGS_neon -fno-schedule-insns)
    endif()
    set(FLAGS_dotprod ${FLAGS_neon} -march=armv8.2-a+dotprod)
    set(FLAGS_i8mm ${FLAGS_dotprod} -march=armv8.2-a+dotprod+i8mm)
endif()

set(KERNEL_ISA_SOURCES)
if(KERNEL_ISA_FOLDER)
    set(ISA_EXTRA)
    if(ADZE_SANITIZE) # the unrolled kernels take minutes to compile with checks and full optimization
        set(ISA_EXTRA -O1)
    endif()
    if(ADZE_FUZZ) # they see no untrusted byte
        list(APPEND ISA_EXTRA -fno-sanitize=all -fno-profile-instr-generate -fno-coverage-mapping)
    endif()
    file(GLOB KERNEL_ISA_SOURCES CONFIGURE_DEPENDS src/kernel/${KERNEL_ISA_FOLDER}/*.c)
    foreach(isa ${KERNEL_ISAS})
        file(GLOB isa_sources CONFIGURE_DEPENDS src/kernel/${KERNEL_ISA_FOLDER}/*_${isa}.c)
        set(few)
        if(ADZE_SANITIZE AND isa MATCHES vnni) # the most rows at once: fewer are compiled
            set(few -DAZ_FEW_KERNELS)
        endif()
        if(isa_sources)
            set_source_files_properties(${isa_sources} PROPERTIES COMPILE_OPTIONS "${FLAGS_${isa}};${ISA_EXTRA};${few}")
        endif()
    endforeach()
endif()

if(ADZE_KERNELS_ONLY)
    file(GLOB KERNEL_SOURCES CONFIGURE_DEPENDS src/base/*.c src/kernel/*.c src/kernel/c/*.c)
    list(REMOVE_ITEM KERNEL_SOURCES ${PROJECT_SOURCE_DIR}/src/base/json.c)
    add_library(adze-kernels STATIC ${KERNEL_SOURCES} ${KERNEL_ISA_SOURCES}
        src/core/packed.c src/core/type.c src/codec/affine.c)
    adze_target(adze-kernels)
    target_link_libraries(adze-kernels PUBLIC Threads::Threads m)
    file(GLOB KERNEL_TESTS CONFIGURE_DEPENDS tests/kernel/test_*.c)
    foreach(source ${KERNEL_TESTS} bench/bench_kernels.c bench/count_kernels.c)
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        adze_target(${name})
        target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests
            ${PROJECT_SOURCE_DIR}/tests/emulated) # cmocka.h
        target_link_libraries(${name} PRIVATE adze-kernels -static)
    endforeach()
endif()
