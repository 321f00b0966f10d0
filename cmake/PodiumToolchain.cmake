# Language level, warnings, sanitizers and the compiler cache, as properties of one interface target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(PODIUM_CCACHE ccache)
if(PODIUM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${PODIUM_CCACHE}")
endif()

add_library(podium_toolchain INTERFACE)
target_include_directories(podium_toolchain INTERFACE "${PROJECT_SOURCE_DIR}/src")
set(PODIUM_CXX_OPTIONS
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-restrict  # false positives on std::string in g++ 12 (GCC bug 105329)
  -fno-math-errno -fno-trapping-math)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND PODIUM_CXX_OPTIONS -Wno-pass-failed)  # a loop that a sanitizer keeps from being vectorised
endif()
if(PODIUM_ARCH)
  list(APPEND PODIUM_CXX_OPTIONS "-march=${PODIUM_ARCH}")
endif()
if(PODIUM_SANITIZE)
  list(APPEND PODIUM_CXX_OPTIONS
    "-fsanitize=${PODIUM_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-maybe-uninitialized)  # false positives on boost::optional, which sanitizers bring about
  target_link_options(podium_toolchain INTERFACE "-fsanitize=${PODIUM_SANITIZE}")
endif()
set(PODIUM_CUDA_OPTIONS --expt-relaxed-constexpr
  --Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Wshadow)
target_compile_options(podium_toolchain INTERFACE
  "$<$<COMPILE_LANGUAGE:C,CXX>:${PODIUM_CXX_OPTIONS}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:${PODIUM_CUDA_OPTIONS}>")
find_package(Threads REQUIRED)
target_link_libraries(podium_toolchain INTERFACE Threads::Threads)
