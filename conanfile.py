# SPDX-License-Identifier: MIT
"""Conan 2 recipe of this tree: `conan create . --build=missing -s compiler.cppstd=20 -o "&:gzip=True" -o "&:sqlite=True" -o "&:http=True"`."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import load

required_conan_version = ">=2.0"


class RlxConan(ConanFile):
    name = "rlx"
    license = "MIT"
    description = "Reinforcement-learning components for trading (header-only, C++20)"
    topics = ("reinforcement-learning", "trading", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"gzip": [True, False], "sqlite": [True, False], "http": [True, False]}
    default_options = {"gzip": False, "sqlite": False, "http": False, "cpp-httplib/*:with_openssl": True}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*"

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "rlx", "core", "version.hpp"))
        self.version = ".".join(re.search(rf"#define RLX_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("xtensor/[>=0.24 <0.28]")
        self.requires("nlohmann_json/[>=3.11 <3.12]")  # 3.12 would conflict with the recipe of xtensor
        if self.options.gzip:
            self.requires("zlib/[>=1.2.11 <2]")
        if self.options.sqlite:
            self.requires("sqlite3/[>=3.37 <4]")
        if self.options.http:
            self.requires("cpp-httplib/[>=0.11.4 <1]")
            self.requires("openssl/[>=1.1.1 <4]")

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):  # headers and the list of components: the same for every compiler and every version of the others
        self.info.settings.clear()
        self.info.requires.clear()

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        wanted = {"GZIP": self.options.gzip, "SQLITE": self.options.sqlite, "HTTPS": self.options.http}
        toolchain.cache_variables.update({f"RLX_WITH_{name}": bool(value) for name, value in wanted.items()})
        toolchain.cache_variables.update({f"RLX_BUILD_{name}": False for name in ("TESTS", "EXAMPLES", "BENCHMARKS")})
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()

    def package_info(self):
        # find_package(rlx COMPONENTS ...) reads the library's own package file, as after `cmake --install`.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "rlx")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.get_safe("os") in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
