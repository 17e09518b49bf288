// SPDX-License-Identifier: MIT
/// @file
/// @brief Peak of the library's own single-precision product: 2048^3 (or the size given), one thread, median of 5, in processor
/// time.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <rlx/nn/detail/gemm.hpp>

namespace {

double gflops(std::size_t m, std::size_t n, std::size_t k, int repeats) {
  const std::vector<float> a(m * k, 0.5F);
  const std::vector<float> b(k * n, 0.25F);
  std::vector<float> c(m * n);
  double samples[5];
  for (double& sample : samples) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < repeats; ++i) rlx::nn::detail::product_ab<float>(m, n, k, a.data(), k, b.data(), n, c.data(), n);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    sample = 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) * repeats / seconds;
  }
  std::sort(samples, samples + 5);
  return samples[2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t size = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 2048;
  const double peak = gflops(size, size, size, 1);
  const auto line = [&](const char* name, double value) {
    std::printf("{\"name\": \"%s\", \"value\": %.1f, \"unit\": \"GFLOP/s\", \"machine_peak_gflops\": %.1f}\n", name, value,
                peak);
  };
  line("gemm_peak", peak);
  line("gemm_m128_n768_k256", gflops(128, 768, 256, 200));
  line("gemm_m32_n256_k128", gflops(32, 256, 128, 2000));
  line("gemm_m16_n512_k512", gflops(16, 512, 512, 500));
  line("gemm_m8_n512_k512", gflops(8, 512, 512, 1000));
  line("gemm_m1_n512_k512", gflops(1, 512, 512, 5000));
}
