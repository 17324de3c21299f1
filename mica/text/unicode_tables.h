#pragma once

#include <cstdint>
#include <string_view>

#include "mica/text/unicode.h"

// Unicode 16.0 data for unicode.cpp and normalize.cpp; nothing else includes this.
namespace mica::text {

/// Code points first, first + step … last map to target, target + step …
struct CaseRun {
  uint32_t first;
  uint32_t last;
  uint32_t step;
  uint32_t target;
};

/// `point` decomposes into decomposition_pool[offset, offset + length).
struct Decomposition {
  uint32_t point;
  uint16_t offset;
  uint16_t length;
};

/// `first` followed by `second` composes to `whole`.
struct Composition {
  uint32_t first;
  uint32_t second;
  uint32_t whole;
};

#include "mica/text/unicode_tables.inc"

}  // namespace mica::text
