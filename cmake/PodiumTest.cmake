# podium_test(NAME SOURCES ... LINKS ...): the GoogleTest executable test_NAME, each test registered
# with CTest under the prefix NAME. Every test has a timeout. CUDA_SOURCES come in where the build has
# the GPU backends; tests that need a GPU skip themselves where there is none.
#
# podium_mpi_test(NAME RANKS 1 2 4 SOURCES ... LINKS ...): the same under mpirun, once per rank count.
# tests/mpi_test_main.cpp starts MPI for them; all ranks must pass.
find_package(GTest REQUIRED)
include(GoogleTest)

set(PODIUM_TEST_TIMEOUT_S 120)
set(PODIUM_MPIRUN "${PROJECT_SOURCE_DIR}/scripts/mpirun.sh")

function(podium_test_executable target)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINKS;CUDA_SOURCES" ${ARGN})
  if(PODIUM_HAS_CUDA)
    list(APPEND TEST_SOURCES ${TEST_CUDA_SOURCES})
  endif()
  add_executable(${target} ${TEST_SOURCES})
  list(TRANSFORM TEST_LINKS PREPEND podium_)
  target_link_libraries(${target} PRIVATE ${TEST_LINKS} GTest::gtest)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
endfunction()

function(podium_test name)
  podium_test_executable(test_${name} ${ARGN})
  target_link_libraries(test_${name} PRIVATE GTest::gtest_main)
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${PODIUM_TEST_TIMEOUT_S})
endfunction()

function(podium_mpi_test name)
  cmake_parse_arguments(MPI_TEST "" "" "RANKS;SOURCES;LINKS;CUDA_SOURCES" ${ARGN})
  podium_test_executable(test_${name}
    SOURCES "${PROJECT_SOURCE_DIR}/tests/mpi_test_main.cpp" ${MPI_TEST_SOURCES} LINKS ${MPI_TEST_LINKS}
    CUDA_SOURCES ${MPI_TEST_CUDA_SOURCES})
  foreach(ranks IN LISTS MPI_TEST_RANKS)
    add_test(NAME ${name}.ranks${ranks} COMMAND ${PODIUM_MPIRUN} -n ${ranks} $<TARGET_FILE:test_${name}>)
    set_tests_properties(${name}.ranks${ranks} PROPERTIES TIMEOUT ${PODIUM_TEST_TIMEOUT_S}
      SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
  endforeach()
endfunction()
