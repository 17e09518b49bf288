// SPDX-License-Identifier: MIT
#include <rlx/core/special_functions.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

using rlx_test::WithinAbs;
using rlx_test::WithinRel;

TEST_CASE("lgamma gives the published values", "[core][special_functions]") {
  constexpr double log_sqrt_pi = 0.57236494292470008707;
  CHECK_THAT(rlx::lgamma(1.0), WithinAbs(0.0, 1e-14));
  CHECK_THAT(rlx::lgamma(2.0), WithinAbs(0.0, 1e-14));
  CHECK_THAT(rlx::lgamma(0.5), WithinRel(log_sqrt_pi, 2e-14));                  // gamma(1/2) = sqrt(pi)
  CHECK_THAT(rlx::lgamma(1.5), WithinAbs(log_sqrt_pi - std::log(2.0), 1e-14));  // sqrt(pi)/2
  CHECK_THAT(rlx::lgamma(5.0), WithinRel(std::log(24.0), 1e-14));
  CHECK_THAT(rlx::lgamma(11.0), WithinRel(std::log(3628800.0), 1e-14));
  CHECK_THAT(rlx::lgamma(100.0), WithinRel(359.13420536957539878, 1e-14));  // log 99!
  CHECK_THAT(rlx::lgamma(1e-10), WithinRel(23.025850929882735274, 1e-14));  // -log x - 0.5772156649 x
  CHECK_THAT(rlx::lgamma(1e6), WithinRel(12815504.56914761166, 1e-14));
}

TEST_CASE("lgamma meets the recurrence and the duplication formula", "[core][special_functions]") {
  for (double x = 1e-3; x < 500.0; x *= 1.173) {
    CAPTURE(x);
    const double scale = std::max(1.0, std::abs(rlx::lgamma(2.0 * x)));
    CHECK_THAT(rlx::lgamma(x + 1.0) - rlx::lgamma(x) - std::log(x), WithinAbs(0.0, 2e-14 * scale));
    // Abramowitz & Stegun 6.1.18
    const double doubled = rlx::lgamma(x) + rlx::lgamma(x + 0.5) + (2.0 * x - 1.0) * std::log(2.0) - 0.57236494292470008707;
    CHECK_THAT(rlx::lgamma(2.0 * x) - doubled, WithinAbs(0.0, 4e-14 * scale));
  }
}

TEST_CASE("digamma gives the published values", "[core][special_functions]") {
  constexpr double euler = 0.57721566490153286061;
  CHECK_THAT(rlx::digamma(1.0), WithinRel(-euler, 1e-14));
  CHECK_THAT(rlx::digamma(2.0), WithinRel(1.0 - euler, 1e-14));
  CHECK_THAT(rlx::digamma(0.5), WithinRel(-euler - 2.0 * std::log(2.0), 1e-14));
  CHECK_THAT(rlx::digamma(0.25), WithinRel(-euler - std::acos(-1.0) / 2.0 - 3.0 * std::log(2.0), 1e-14));
  CHECK_THAT(rlx::digamma(10.0), WithinRel(2.2517525890667211077, 1e-14));  // Abramowitz & Stegun table 6.3
  CHECK_THAT(rlx::digamma(1.4616321449683623413), WithinAbs(0.0, 1e-14));   // the positive zero
}

TEST_CASE("trigamma gives the published values", "[core][special_functions]") {
  const double pi = std::acos(-1.0);
  CHECK_THAT(rlx::trigamma(1.0), WithinRel(pi * pi / 6.0, 1e-14));
  CHECK_THAT(rlx::trigamma(0.5), WithinRel(pi * pi / 2.0, 1e-14));
  CHECK_THAT(rlx::trigamma(2.0), WithinRel(pi * pi / 6.0 - 1.0, 1e-14));
  CHECK_THAT(rlx::trigamma(0.25), WithinRel(pi * pi + 8.0 * 0.91596559417721901505, 1e-14));  // Catalan's constant
}

TEST_CASE("the gamma family agrees with mpmath 1.3 to 25 digits", "[core][special_functions]") {
  struct Row {
    double x, lgamma, digamma, trigamma;
  };
  const std::array<Row, 7> rows = {
      {{1e-3, 6.907178885383853682512345, -1000.575571931810300471473, 1000001.642533195868978033},
       {0.3, 1.095797994818075521677168, -3.502524222200132988964495, 12.2453645461077304654736},
       {1.7, -0.0958076974070658645269063, 0.2085478748734939566799642, 0.7932328301639983819476848},
       {3.25, 0.9358019311087253582584675, 1.016990911068179036354914, 0.3597982903095798750737883},
       {9.75, 12.24220494005076255916659, 2.225109535044576011978614, 0.1080032433366318545603116},
       {25.5, 56.38916764371994674445244, 3.218942472883919766545154, 0.03999466964956292403652086},
       {1234.5, 7550.550901077894895729836, 7.118016231827997843305218, 0.000810372727126966652695133}}};
  for (const Row& row : rows) {
    CAPTURE(row.x);
    CHECK_THAT(rlx::lgamma(row.x), WithinAbs(row.lgamma, 1e-14 * std::max(1.0, row.lgamma)));
    CHECK_THAT(rlx::digamma(row.x), WithinAbs(row.digamma, 1e-14 * std::max(1.0, std::abs(row.digamma))));
    CHECK_THAT(rlx::trigamma(row.x), WithinRel(row.trigamma, 1e-14));
  }
}

TEST_CASE("digamma and trigamma are the derivatives of lgamma", "[core][special_functions]") {
  for (double x = 0.05; x < 200.0; x *= 1.37) {
    CAPTURE(x);
    const double h = 1e-5 * x;
    CHECK_THAT((rlx::lgamma(x + h) - rlx::lgamma(x - h)) / (2.0 * h), WithinAbs(rlx::digamma(x), 2e-8 * (1.0 + 1.0 / x)));
    CHECK_THAT((rlx::digamma(x + h) - rlx::digamma(x - h)) / (2.0 * h), WithinRel(rlx::trigamma(x), 1e-7));
  }
}

TEST_CASE("outside the domain the gamma family gives NaN", "[core][special_functions]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double x : {0.0, -1.5, nan, infinity, -infinity}) {
    CHECK_FALSE(rlx::is_finite(rlx::lgamma(x)));
    CHECK_FALSE(rlx::is_finite(rlx::digamma(x)));
    CHECK_FALSE(rlx::is_finite(rlx::trigamma(x)));
  }
  CHECK_FALSE(rlx::is_finite(rlx::digamma(-1.0F)));
}

TEST_CASE("float arguments are computed in double", "[core][special_functions]") {
  CHECK(rlx::lgamma(3.7F) == static_cast<float>(rlx::lgamma(static_cast<double>(3.7F))));
  CHECK(rlx::digamma(3.7F) == static_cast<float>(rlx::digamma(static_cast<double>(3.7F))));
  CHECK(rlx::trigamma(3.7F) == static_cast<float>(rlx::trigamma(static_cast<double>(3.7F))));
}

TEST_CASE("error function and normal distribution give the published values", "[core][special_functions]") {
  CHECK_THAT(rlx::erf(1.0), WithinRel(0.84270079294971486934, 1e-15));  // Abramowitz & Stegun table 7.1
  CHECK(rlx::erf(0.0) == 0.0);
  CHECK_THAT(rlx::normal_cdf(0.0), WithinRel(0.5, 1e-15));
  CHECK_THAT(rlx::normal_cdf(1.0), WithinRel(0.84134474606854294859, 1e-14));  // table 26.1
  CHECK_THAT(rlx::normal_cdf(-1.6448536269514722), WithinRel(0.05, 1e-14));
  CHECK_THAT(rlx::normal_cdf(-10.0), WithinRel(7.6198530241605260660e-24, 1e-13));
  CHECK_THAT(rlx::normal_pdf(0.0), WithinRel(0.39894228040143267794, 1e-15));
  CHECK_THAT(rlx::normal_pdf(2.0), WithinRel(0.053990966513188051949, 1e-14));
  CHECK_THAT(rlx::normal_cdf(1.0F), WithinRel(0.841344746F, 1e-6F));
}

TEST_CASE("the normal quantile is the inverse of the distribution, in both tails", "[core][special_functions]") {
  struct Row {
    double p, z;
  };
  // SciPy 1.17.1: scipy.stats.norm.ppf(p).
  for (const Row& row : {Row{1e-300, -37.047096299361201}, Row{1e-20, -9.2623400897984088}, Row{1e-10, -6.3613409024040557},
                         Row{1e-5, -4.2648907939228247}, Row{0.01, -2.3263478740408408}, Row{0.07, -1.4757910281791706},
                         Row{0.3, -0.52440051270804089}, Row{0.95, 1.6448536269514722}, Row{0.999, 3.0902323061678132}}) {
    CAPTURE(row.p);
    CHECK_THAT(rlx::normal_quantile(row.p), WithinRel(row.z, 2e-15));
  }
  CHECK(rlx::normal_quantile(0.5) == 0.0);
  CHECK(rlx::normal_quantile(0.25) == -rlx::normal_quantile(0.75));
  for (double z = -8.0; z < 8.0; z += 0.37) {
    CAPTURE(z);
    // Near 1 a probability has few digits left, so only the lower tail comes back exactly.
    CHECK_THAT(rlx::normal_quantile(rlx::normal_cdf(z)), WithinAbs(z, z < 0 ? 1e-14 : 1e-14 / rlx::normal_pdf(z)));
  }
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(rlx::normal_quantile(0.0) == -infinity);
  CHECK(rlx::normal_quantile(1.0) == infinity);
  for (const double p : {-0.1, 1.1, infinity, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_FALSE(rlx::is_finite(rlx::normal_quantile(p)));
  }
}
