# SPDX-License-Identifier: MIT
# Overlay port that builds the tree it lies in: vcpkg install "rlx[gzip,sqlite,http]" --overlay-ports=path/to/rlx/cmake/ports
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(VCPKG_BUILD_TYPE release)  # header-only

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    gzip RLX_WITH_GZIP
    sqlite RLX_WITH_SQLITE
    http RLX_WITH_HTTPS
)
vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DRLX_BUILD_TESTS=OFF
    -DRLX_BUILD_EXAMPLES=OFF
    -DRLX_BUILD_BENCHMARKS=OFF
    -DRLX_INSTALL=ON
    "-DRLX_CMAKE_DIR=share/${PORT}"
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/licenses")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
