// SPDX-License-Identifier: MIT
#include "everything.hpp"

const char* version_in_unit_b();
const char* version_in_unit_b() { return RLX_VERSION_STRING; }
