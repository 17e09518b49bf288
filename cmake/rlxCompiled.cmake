# SPDX-License-Identifier: MIT
# The target rlx::compiled: what every program instantiates from the templates of the library, compiled once. It is built in the
# project that uses it, with that project's flags, so the package stays free of architecture and -march=native or -ffast-math
# mean the same on both sides. Linking it changes nothing but the time that the other files take to compile.
if(NOT TARGET rlx::compiled)
  add_library(rlx_compiled STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/rlxCompiled.cpp")
  add_library(rlx::compiled ALIAS rlx_compiled)
  target_link_libraries(rlx_compiled PUBLIC rlx::rlx)
  target_compile_definitions(rlx_compiled PUBLIC RLX_COMPILED)
endif()
