# What `cmake --install` lays below the prefix, and the packages that CPack makes of it (docs/install.md).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Libraries outside the system's folders are found where the build found them.
if(NOT DEFINED CMAKE_INSTALL_RPATH_USE_LINK_PATH)
  set_target_properties(podium PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
endif()

install(TARGETS podium EXPORT podium-targets)
install(PROGRAMS scripts/mpirun.sh DESTINATION "${CMAKE_INSTALL_BINDIR}" RENAME podium-mpirun)

# For users to copy into a folder of their own.
set(PODIUM_SHARED "${CMAKE_INSTALL_DATADIR}/podium")
install(DIRECTORY inputs slurm DESTINATION "${PODIUM_SHARED}" USE_SOURCE_PERMISSIONS)
install(DIRECTORY packaging/jube packaging/reframe DESTINATION "${PODIUM_SHARED}" PATTERN __pycache__ EXCLUDE)
install(FILES packaging/module/podium.tcl DESTINATION "${PODIUM_SHARED}/module/podium" RENAME "${PROJECT_VERSION}")

install(FILES README.md CHANGELOG.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES packaging/debian/copyright DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES packaging/podium-mpirun.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(DIRECTORY "${PROJECT_BINARY_DIR}/pages/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}" OPTIONAL)  # see PODIUM_PAGES
install(FILES "${PROJECT_BINARY_DIR}/pages/podium" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" OPTIONAL)

# find_package(podium) gives the executable as the target podium::podium.
set(PODIUM_PACKAGE "${CMAKE_INSTALL_LIBDIR}/cmake/podium")
install(EXPORT podium-targets FILE podium-config.cmake NAMESPACE podium:: DESTINATION "${PODIUM_PACKAGE}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/podium-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/podium-config-version.cmake" DESTINATION "${PODIUM_PACKAGE}")

# A Debian package, which the preset `package` builds for other machines than this one.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME podium)
set(CPACK_PACKAGE_CONTACT "the Podium maintainers <podium@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/debian/finish.cmake")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS openmpi-bin)  # libraries are found out
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, slurm-client, dataset-fashion-mnist")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "One executable whose MPI ranks take roles: it reads image data into HDF5
caches, trains classifiers data parallel, keeps checkpoints, publishes the
best model and serves it over HTTP. Runs under mpirun and Slurm.")
include(CPack)
