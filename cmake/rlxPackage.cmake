# SPDX-License-Identifier: MIT
# `cpack -G DEB` in the build folder makes librlx-dev_VERSION_all.deb. What only a component needs is suggested, not required:
# find_package(rlx COMPONENTS ...) asks for it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The rlx authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION} (header-only, C++20)")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME librlx-dev)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libxtensor-dev (>= 0.24), nlohmann-json3-dev (>= 3.11)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "zlib1g-dev, libsqlite3-dev, libcpp-httplib-dev, libssl-dev")
# Debian expects the licence there.
configure_file("${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_BINARY_DIR}/debian/copyright" COPYONLY)
set(CPACK_INSTALLED_DIRECTORIES "${PROJECT_BINARY_DIR}/debian;${CPACK_PACKAGING_INSTALL_PREFIX}/share/doc/librlx-dev")
include(CPack)
