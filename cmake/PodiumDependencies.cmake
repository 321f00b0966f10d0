# Third-party packages. Each is found once, here, and used under one imported name.
find_package(PkgConfig REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
# The C interface only: mpi.h otherwise draws in the C++ bindings that MPI-3 removed.
target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(CURL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(JPEG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(simdjson REQUIRED)

# oneDNN's own package file on Debian asks for OpenCL, which Podium does not need.
find_path(DNNL_INCLUDE_DIR NAMES dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY NAMES dnnl REQUIRED)
add_library(Podium::dnnl INTERFACE IMPORTED GLOBAL)
target_include_directories(Podium::dnnl INTERFACE "${DNNL_INCLUDE_DIR}")
target_link_libraries(Podium::dnnl INTERFACE "${DNNL_LIBRARY}")

# ISA-L inflates gzip about 1.7 times as fast as zlib, which only the tests use, to make such files.
find_path(ISAL_INCLUDE_DIR NAMES isa-l/igzip_lib.h REQUIRED)
find_library(ISAL_LIBRARY NAMES isal REQUIRED)
add_library(Podium::isal INTERFACE IMPORTED GLOBAL)
target_include_directories(Podium::isal INTERFACE "${ISAL_INCLUDE_DIR}")
target_link_libraries(Podium::isal INTERFACE "${ISAL_LIBRARY}")

# Debian installs serial and parallel HDF5 side by side; Podium uses the parallel build of the MPI it runs on.
pkg_search_module(HDF5 REQUIRED IMPORTED_TARGET GLOBAL hdf5-openmpi hdf5-mpi hdf5)
add_library(Podium::hdf5 INTERFACE IMPORTED GLOBAL)
target_link_libraries(Podium::hdf5 INTERFACE PkgConfig::HDF5 MPI::MPI_C)

pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
add_library(Podium::xxhash ALIAS PkgConfig::XXHASH)
