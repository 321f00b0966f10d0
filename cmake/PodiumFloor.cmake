# podium_floor(NAME SOURCES ... LINKS ... [CUDA_SOURCES ... CUDA_LINKS ...] [PLAIN_SOURCES ...]): the
# folder src/NAME as the static library podium_NAME. LINKS names floors below (core, io, ...) and
# imported third-party targets.
#
# CUDA_SOURCES (.cpp and .cu) and CUDA_LINKS are taken where the build has the GPU backends,
# PLAIN_SOURCES where it has not: two implementations of one header, of which one is picked here.
function(podium_floor name)
  cmake_parse_arguments(FLOOR "" "" "SOURCES;LINKS;CUDA_SOURCES;CUDA_LINKS;PLAIN_SOURCES" ${ARGN})
  if(PODIUM_HAS_CUDA)
    list(APPEND FLOOR_SOURCES ${FLOOR_CUDA_SOURCES})
    list(APPEND FLOOR_LINKS ${FLOOR_CUDA_LINKS})
  else()
    list(APPEND FLOOR_SOURCES ${FLOOR_PLAIN_SOURCES})
  endif()
  add_library(podium_${name} STATIC ${FLOOR_SOURCES})
  target_link_libraries(podium_${name} PUBLIC podium_toolchain)
  foreach(link IN LISTS FLOOR_LINKS)
    if(TARGET podium_${link})
      target_link_libraries(podium_${name} PUBLIC podium_${link})
    elseif(TARGET ${link})
      target_link_libraries(podium_${name} PUBLIC ${link})
    else()
      message(FATAL_ERROR "src/${name} links '${link}', which is neither a floor below it nor a dependency")
    endif()
  endforeach()
endfunction()
