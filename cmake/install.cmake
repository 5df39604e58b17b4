# Installation: program, libraries, headers, targets data, CMake package and pkg-config files.

include(CMakePackageConfigHelpers)

install(TARGETS adze-rt adze EXPORT adze-targets)
install(TARGETS adze-bin RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/adze DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY data/ DESTINATION ${CMAKE_INSTALL_DATADIR}/adze OPTIONAL)
install(EXPORT adze-targets NAMESPACE adze:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)

configure_package_config_file(cmake/adze-config.cmake.in adze-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)
write_basic_package_version_file(adze-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/adze-config.cmake ${PROJECT_BINARY_DIR}/adze-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)

# Found from where the .pc file lies, so that an installed tree may be moved.
file(RELATIVE_PATH PC_PREFIX /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
foreach(lib adze adze-rt)
    configure_file(cmake/${lib}.pc.in ${lib}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${lib}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# Where base/datadir.c looks last: the data of this installation.
target_compile_definitions(adze-rt PRIVATE ADZE_DATADIR="${CMAKE_INSTALL_FULL_DATADIR}/adze")
