// Any bytes as a file of exported functions: what it holds runs, or is refused with an exception.
#include <cstddef>
#include <cstdint>
#include <exception>

#include "fuzz/imported_function.h"
#include "fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mica::MemoryFile file(data, size);
  try {
    mica::run_imported(file.path().string());
  } catch (const std::exception&) {
    return 0;  // what bad input should end in
  }
  return 0;
}
