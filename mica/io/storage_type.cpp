#include "mica/io/storage_type.h"

#include <array>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mica/base/checked.h"

namespace mica {
namespace {

struct Info {
  std::string_view name;
  size_t bytes;
};

constexpr std::array<Info, 17> kTypes = {{{"BOOL", 1},
                                          {"U8", 1},
                                          {"U16", 2},
                                          {"U32", 4},
                                          {"U64", 8},
                                          {"I8", 1},
                                          {"I16", 2},
                                          {"I32", 4},
                                          {"I64", 8},
                                          {"F16", 2},
                                          {"BF16", 2},
                                          {"F32", 4},
                                          {"F64", 8},
                                          {"F8_E4M3", 1},
                                          {"F8_E5M2", 1},
                                          {"F8_E8M0", 1},
                                          {"C64", 8}}};

}  // namespace

size_t storage_bytes(StorageType type) {
  return kTypes.at(static_cast<size_t>(type)).bytes;
}
std::string_view storage_name(StorageType type) {
  return kTypes.at(static_cast<size_t>(type)).name;
}

std::optional<StorageType> storage_from_name(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) return static_cast<StorageType>(i);
  }
  return std::nullopt;
}

std::optional<uint64_t> storage_size(StorageType type, std::span<const int64_t> shape) {
  std::optional<int64_t> size = static_cast<int64_t>(storage_bytes(type));
  bool empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    // An empty tensor's other dimensions must still be sane: their product without the zero may not overflow.
    empty |= dim == 0;
    if (dim > 0) size = checked_mul(*size, dim);
    if (!size) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(*size);
}

std::string shape_text(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace mica
