#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mica::detail {

// The frame of a file of functions; docs/export-format.md describes all of it.

inline constexpr std::string_view kFunctionFileMagic = "MICAFUNC";
inline constexpr uint32_t kFunctionFileVersion = 1;

/// Bytes of constants begin at multiples of this.
inline constexpr size_t kConstantAlignment = 64;

/// What a record is.
enum class FunctionRecord : uint8_t { end, constant, function };

/// The bytes from `position` to the next multiple of `alignment`.
constexpr size_t padding_to(size_t alignment, size_t position) {
  return (alignment - position % alignment) % alignment;
}

}  // namespace mica::detail
