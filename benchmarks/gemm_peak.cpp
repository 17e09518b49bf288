// SPDX-License-Identifier: MIT
/// @file
/// @brief Single-precision products of the library beside Eigen's on the same sizes, one thread, median of 5, in processor
/// time.
///
/// The 2048^3 product (or the size given) of the faster of both is the machine's peak P to which other figures are compared.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <rlx/nn/detail/gemm.hpp>

namespace {

template <class Product>
double gflops(std::size_t m, std::size_t n, std::size_t k, int repeats, Product&& product) {
  const std::vector<float> a(m * k, 0.5F);
  const std::vector<float> b(k * n, 0.25F);
  std::vector<float> c(m * n);
  double samples[5];
  for (double& sample : samples) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < repeats; ++i) product(a.data(), b.data(), c.data());
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    sample = 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) * repeats / seconds;
  }
  std::sort(samples, samples + 5);
  return samples[2];
}

double own(std::size_t m, std::size_t n, std::size_t k, int repeats) {
  return gflops(m, n, k, repeats, [=](const float* a, const float* b, float* c) {
    rlx::nn::detail::product_ab<float>(m, n, k, a, k, b, n, c, n);
  });
}

double eigen(std::size_t m, std::size_t n, std::size_t k, int repeats) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto [rows, cols, depth] =
      std::array{static_cast<Eigen::Index>(m), static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(k)};
  return gflops(m, n, k, repeats, [rows = rows, cols = cols, depth = depth](const float* a, const float* b, float* c) {
    Eigen::Map<Matrix>(c, rows, cols).noalias() =
        Eigen::Map<const Matrix>(a, rows, depth) * Eigen::Map<const Matrix>(b, depth, cols);
  });
}

}  // namespace

int main(int argc, char** argv) {
  Eigen::setNbThreads(1);
  const std::size_t size = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 2048;
  const double own_peak = own(size, size, size, 1);
  const double eigen_peak = eigen(size, size, size, 1);
  const double peak = std::max(own_peak, eigen_peak);
  const auto line = [&](const std::string& name, double value) {
    std::printf("{\"name\": \"%s\", \"value\": %.1f, \"unit\": \"GFLOP/s\", \"machine_peak_gflops\": %.1f}\n", name.c_str(),
                value, peak);
  };
  // "rlx", or "blas" with RLX_WITH_BLAS
  const std::string backend = rlx::nn::backend_name();
  const std::string own_name = "gemm/" + backend.substr(0, backend.find(':')) + "/";
  line(own_name + std::to_string(size), own_peak);
  line("gemm/eigen/" + std::to_string(size), eigen_peak);
  const struct {
    std::size_t m, n, k;
    int repeats;
  } shapes[] = {{128, 768, 256, 200}, {32, 256, 128, 2000}, {16, 512, 512, 500}, {8, 512, 512, 1000}, {1, 512, 512, 5000}};
  for (const auto& s : shapes) {
    const std::string name = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
    line(own_name + name, own(s.m, s.n, s.k, s.repeats));
    line("gemm/eigen/" + name, eigen(s.m, s.n, s.k, s.repeats));
  }
}
