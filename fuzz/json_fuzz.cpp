// Any bytes as JSON: what is accepted is the same after being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const mica::Json json = mica::parse_json(text, "fuzz");
    const std::string once = json.dump();
    if (mica::parse_json(once, "fuzz").dump() != once) std::abort();
  } catch (const mica::Error&) {
    return 0;  // what bad input should end in
  }
  return 0;
}
