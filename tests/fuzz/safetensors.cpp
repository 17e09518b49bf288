// SPDX-License-Identifier: MIT
// Any bytes as a safetensors file: either tensors inside the bytes, which written again read the same, or a CheckpointError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/safetensors.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file = rlx::io::Safetensors::from_bytes(bytes, rlx::io::Digest::optional);
    const std::byte* const end = bytes.data() + bytes.size();
    for (const rlx::io::TensorView& tensor : file.tensors()) {
      require(tensor.data.data() >= bytes.data() && tensor.data.data() + tensor.data.size() <= end);
      require(file.find(tensor.name) == &tensor);
    }
    // The writer's own names cannot be reserved ones, so what was read can always be written.
    const std::vector<std::byte> again = rlx::io::to_safetensors(file.metadata(), file.tensors());
    const auto copy = rlx::io::Safetensors::from_bytes(again);
    require(copy.metadata() == file.metadata() && copy.tensors().size() == file.tensors().size());
  } catch (const rlx::CheckpointError&) {
  }
  return 0;
}
