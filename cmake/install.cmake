# `cmake --install` gives a package: find_package(mica), target mica::mica, header mica/mica.h.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS mica EXPORT mica_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET mica_program)
  install(TARGETS mica_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/mica DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "cli" EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mica)
install(EXPORT mica_targets NAMESPACE mica:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/micaConfig.cmake.in ${PROJECT_BINARY_DIR}/micaConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/micaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/micaConfig.cmake ${PROJECT_BINARY_DIR}/micaConfigVersion.cmake
        DESTINATION ${package_dir})
