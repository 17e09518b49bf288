// SPDX-License-Identifier: MIT
#include "everything.hpp"

#include <cstring>

const char* version_in_unit_b();
int main() { return std::strcmp(version_in_unit_b(), RLX_VERSION_STRING); }
