// Any bytes as a safetensors or .npy file: it opens, and all that it claims to hold can be read, or it is refused.
#include <cstddef>
#include <cstdint>

#include "fuzz/memory_file.h"
#include "mica/base/error.h"
#include "mica/io/npy.h"
#include "mica/io/safetensors.h"

namespace {

size_t sum(std::span<const std::byte> bytes) {
  size_t out = 0;
  for (const std::byte b : bytes) out += std::to_integer<size_t>(b);
  return out;
}

/// Whether the file opens as what `read` reads; it may also be refused with an Error.
template <typename F>
bool accepts(F read) {
  try {
    read();
    return true;
  } catch (const mica::Error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mica::MemoryFile file(data, size);
  accepts([&] {
    const mica::Safetensors tensors = mica::Safetensors::open(file.path());
    for (const mica::SafetensorsEntry& entry : tensors.entries()) sum(entry.bytes);
  });
  accepts([&] { sum(mica::read_npy(file.path()).bytes); });
  return 0;
}
