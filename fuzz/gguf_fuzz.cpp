// Any bytes as a GGUF file: it opens, and all that it claims to hold can be read, or it is refused with an Error.
#include <cstddef>
#include <cstdint>

#include "fuzz/memory_file.h"
#include "mica/base/error.h"
#include "mica/io/gguf.h"

namespace {

/// Reads every byte of a view, so that one outside of the file is noticed.
size_t sum(std::span<const std::byte> bytes) {
  size_t out = 0;
  for (const std::byte b : bytes) out += std::to_integer<size_t>(b);
  return out;
}

void read(const mica::GgufValue& value) {
  sum(value.raw());
  if (value.is_array() && value.element_type() == mica::GgufType::string) {
    for (const std::string_view text : value.as_strings()) sum(std::as_bytes(std::span(text)));
    return;
  }
  try {
    value.as_f32_array();
    value.as_i64_array();
  } catch (const mica::Error&) {
    return;  // of another type
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mica::MemoryFile file(data, size);
  try {
    const mica::GgufFile gguf = mica::GgufFile::open(file.path());
    for (const mica::GgufValue& value : gguf.values()) read(value);
    for (const mica::GgufTensor& tensor : gguf.tensors()) sum(tensor.bytes);
  } catch (const mica::Error&) {
    return 0;  // what bad input should end in
  }
  return 0;
}
