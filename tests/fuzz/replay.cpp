// SPDX-License-Identifier: MIT
// Runs a fuzz target without a fuzzer: on every file named on the command line, on every beginning of it, and on it with
// every byte changed in a few ways. Besides crashes it finds inputs that make the target allocate far more than their size.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t largest_allocation = 0;

void run(const std::vector<std::uint8_t>& input, std::size_t size, const char* name) {
  // A copy of exactly this size on the heap, so that the address sanitizer sees a read behind its end.
  std::uint8_t* const copy = static_cast<std::uint8_t*>(std::malloc(size == 0 ? 1 : size));
  for (std::size_t i = 0; i < size; ++i) copy[i] = input[i];
  largest_allocation = 0;
  LLVMFuzzerTestOneInput(copy, size);
  std::free(copy);
  if (largest_allocation > 64 * size + 65'536) {
    std::fprintf(stderr, "%s: %zu bytes of input made it allocate %zu bytes at once\n", name, size, largest_allocation);
    std::exit(1);
  }
}

}  // namespace

void* operator new(std::size_t size) {
  if (size > largest_allocation) largest_allocation = size;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (size > largest_allocation) largest_allocation = size;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main(int argc, char** argv) {
  std::size_t runs = 0;
  for (int i = 1; i < argc; ++i) {
    std::FILE* const file = std::fopen(argv[i], "rb");
    if (file == nullptr) {
      std::fprintf(stderr, "cannot open %s\n", argv[i]);
      return 1;
    }
    std::vector<std::uint8_t> input;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) input.push_back(static_cast<std::uint8_t>(c));
    std::fclose(file);
    run(input, input.size(), argv[i]);
    ++runs;
    if (input.size() > 4096) continue;  // the large ones are there for their size
    for (std::size_t at = 0; at < input.size(); ++at) {
      run(input, at, argv[i]);
      const std::uint8_t old = input[at];
      for (const int changed :
           {0x00, 0x0A, 0x22, 0x2C, 0x30, 0x39, 0x5B, 0x5C, 0x7B, 0xFF, old ^ 0x01, old ^ 0x20, old ^ 0x80}) {
        input[at] = static_cast<std::uint8_t>(changed);
        run(input, input.size(), argv[i]);
      }
      input[at] = old;
      runs += 14;
    }
  }
  std::printf("%zu inputs\n", runs);
  return runs == 0 ? 1 : 0;
}
