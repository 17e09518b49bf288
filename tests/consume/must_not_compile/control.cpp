// SPDX-License-Identifier: MIT
#include "environment.hpp"

void f() { make_vector<Sound>(); }
