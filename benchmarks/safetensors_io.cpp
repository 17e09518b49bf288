// SPDX-License-Identifier: MIT
/// @file
/// @brief Time to save and to load a checkpoint of the 792K network (weights and both Adam moments, 9.5 MB), median of 11.
///
/// Usage: safetensors_io [directory, default /tmp]. Saving is timed with and without the flush to the disk, because the
/// flush measures the disk.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <rlx/io/safetensors.hpp>

namespace {

struct NoFlush : rlx::io::PosixFileSystem {
  int fsync(int) { return 0; }
};

template <class F>
void report(const char* name, F&& f) {
  double samples[11];
  for (double& sample : samples) {
    const auto start = std::chrono::steady_clock::now();
    f();
    sample = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  std::sort(samples, samples + 11);
  std::printf("{\"name\": \"%s\", \"value\": %.2f, \"unit\": \"ms\"}\n", name, samples[5]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = std::string(argc > 1 ? argv[1] : "/tmp") + "/rlx_safetensors_io.safetensors";
  constexpr std::size_t parameters = 791'989;
  std::vector<float> values[3];
  for (auto& v : values) v.assign(parameters, 0.125F);
  const std::vector<rlx::io::TensorView> tensors = {rlx::io::tensor_view("policy/all", values[0]),
                                                    rlx::io::tensor_view("optimizer/m", values[1]),
                                                    rlx::io::tensor_view("optimizer/v", values[2])};
  report("safetensors_save", [&] { rlx::io::write_safetensors(path, {{"rlx", "{}"}}, tensors); });
  report("safetensors_save_without_flush", [&] { rlx::io::write_safetensors(path, {{"rlx", "{}"}}, tensors, NoFlush{}); });
  report("safetensors_load", [&] {
    const auto file = rlx::io::Safetensors::open(path);
    file.read_into("policy/all", std::span(values[0]));
    file.read_into("optimizer/m", std::span(values[1]));
    file.read_into("optimizer/v", std::span(values[2]));
  });
  std::remove(path.c_str());
}
