# SPDX-License-Identifier: MIT
# A parent project calls remember_parent() before it adds rlx and check_parent() after: rlx may bring targets, nothing else.
set(parent_properties COMPILE_DEFINITIONS COMPILE_FEATURES COMPILE_OPTIONS INCLUDE_DIRECTORIES LINK_DIRECTORIES LINK_LIBRARIES
                      LINK_OPTIONS TESTS)

macro(remember_parent)
  get_cmake_property(remembered_cache CACHE_VARIABLES)
  get_cmake_property(remembered_names VARIABLES)
  list(FILTER remembered_names EXCLUDE REGEX "^(remembered_|ARG[CNV0-9]|CMAKE_MATCH_|CMAKE_(WARN|ERROR)_DEPRECATED$)")
  foreach(name ${remembered_names})
    set(remembered_value_${name} "${${name}}")
  endforeach()
  foreach(property ${parent_properties})
    get_directory_property(remembered_property_${property} ${property})
  endforeach()
endmacro()

function(check_parent)
  foreach(name ${remembered_names})
    if(NOT "${${name}}" STREQUAL "${remembered_value_${name}}" AND NOT name MATCHES "^(name|FIND_PACKAGE_MESSAGE_DETAILS_.*)$")
      message(SEND_ERROR "rlx changed ${name} of its parent from '${remembered_value_${name}}' to '${${name}}'")
    endif()
  endforeach()
  foreach(property ${parent_properties})
    get_directory_property(now ${property})
    if(NOT "${now}" STREQUAL "${remembered_property_${property}}")
      message(SEND_ERROR "rlx changed ${property} of its parent's folder to '${now}'")
    endif()
  endforeach()

  # New entries of the cache: its own prefix, and what CMake's find modules leave of the packages.
  get_cmake_property(cache CACHE_VARIABLES)
  list(REMOVE_ITEM cache ${remembered_cache})
  list(FILTER cache EXCLUDE REGEX "^(RLX_|rlx_|FETCHCONTENT_|FIND_PACKAGE_MESSAGE_DETAILS_|(xtensor|xtl|xsimd|nlohmann_json)_DIR$)")
  list(FILTER cache EXCLUDE REGEX "^(CMAKE_HAVE_|CMAKE_PROJECT_VERSION|ZLIB_|TBB_DIR$|arch_native_supported$)")  # the last two: xtensor
  if(cache)
    message(SEND_ERROR "rlx left entries in its parent's cache: ${cache}")
  endif()

  get_property(targets DIRECTORY "${RLX_SOURCE_DIR}" PROPERTY BUILDSYSTEM_TARGETS)
  list(FILTER targets EXCLUDE REGEX "^rlx(_gzip)?$")
  get_property(tests DIRECTORY "${RLX_SOURCE_DIR}" PROPERTY TESTS)
  if(targets OR tests)
    message(SEND_ERROR "rlx brought more than its library: targets '${targets}', tests '${tests}'")
  endif()
  foreach(property INTERFACE_COMPILE_OPTIONS INTERFACE_COMPILE_DEFINITIONS INTERFACE_LINK_OPTIONS)
    get_target_property(flags rlx ${property})
    if(flags)
      message(SEND_ERROR "rlx sets ${property} for its consumers: ${flags}")
    endif()
  endforeach()
endfunction()

# A parent that differs from what rlx would choose.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} -Wall")
set(CMAKE_BUILD_TYPE RelWithDebInfo)
option(BUILD_TESTING "The parent's own" ON)
enable_testing()
add_compile_definitions(PARENT)
set(RLX_WITH_GZIP ON)  # a component by a plain variable
