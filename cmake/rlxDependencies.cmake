# SPDX-License-Identifier: MIT
# Finds what rlx needs. Used by the build and, installed beside it, by rlxConfig.cmake.
#
# No version is passed to find_package on purpose: packages differ in what they call compatible
# (Eigen 5.0 refuses a request for 3.4, Catch2 2.13 refuses 2.13...<4). The floor is checked afterwards.
macro(rlx_need package floor target)
  if(NOT ${package}_FOUND AND NOT TARGET ${target})
    if(DEFINED CMAKE_FIND_PACKAGE_NAME)
      find_dependency(${package} CONFIG)
    else()
      find_package(${package} CONFIG REQUIRED)
    endif()
  endif()
  if(DEFINED ${package}_VERSION AND ${package}_VERSION VERSION_LESS ${floor})
    message(FATAL_ERROR "rlx needs ${package} >= ${floor}; found ${${package}_VERSION} in ${${package}_DIR}")
  endif()
endmacro()

rlx_need(nlohmann_json 3.11 nlohmann_json::nlohmann_json)
rlx_need(xtensor 0.24 xtensor)
if(NOT TARGET Threads::Threads)
  find_package(Threads REQUIRED)
endif()
if(RLX_WITH_BLAS)  # written into the installed config too, since the headers of such a build call it
  find_package(BLAS REQUIRED)
  find_path(RLX_CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas cblas REQUIRED)
endif()
