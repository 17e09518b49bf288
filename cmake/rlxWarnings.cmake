# SPDX-License-Identifier: MIT
# Warnings for the project's own tests, examples and benchmarks; a consumer never gets them.
option(RLX_WARNINGS_AS_ERRORS "Treat warnings in tests, examples and benchmarks as errors" OFF)

add_library(rlx_warnings INTERFACE)
target_compile_options(rlx_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                              $<$<BOOL:${RLX_WARNINGS_AS_ERRORS}>:-Werror>)
