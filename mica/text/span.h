#pragma once

#include <cstddef>

namespace mica::text {

/// Bytes begin … end - 1 of a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

}  // namespace mica::text
