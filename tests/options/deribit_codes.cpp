// SPDX-License-Identifier: MIT
#include <rlx/options/deribit_codes.hpp>

#include "rlx_catch.hpp"

using namespace rlx::options;

TEST_CASE("every code has one class and the rest is definite", "[options][deribit]") {
  for (const int code : {10028, 10040, 10041, 10047, 10066, 11051, 13028}) CHECK(classify_code(code) == CodeClass::retryable);
  for (const int code : {13004, 13021, 13403}) CHECK(classify_code(code) == CodeClass::stop);
  CHECK(classify_code(13009) == CodeClass::token);
  CHECK(classify_code(13888) == CodeClass::timed_out);
  CHECK(classify_code(0, "timed_out") == CodeClass::timed_out);
  CHECK(classify_code(13032) == CodeClass::label_not_unique);
  CHECK(classify_code(11094) == CodeClass::unknown);
  for (const int code : {code_post_only_reject, 0, -1, 10000, 99999}) CHECK(classify_code(code) == CodeClass::definite);
}
