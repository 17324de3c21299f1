#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mica/array/array.h"

namespace mica::cpu {

/// Nested loops over the elements of N arrays of one shape, with axes merged where every array allows it: most loops
/// end up with one or two axes.
template <size_t N>
struct StridedLoop {
  Shape shape;                     ///< at least one axis
  std::array<Strides, N> strides;  ///< in elements

  StridedLoop(const Shape& full_shape, const std::array<Strides, N>& full_strides) {
    for (size_t i = 0; i < full_shape.size(); ++i) {
      if (full_shape[i] == 1) continue;
      if (!shape.empty() && merges(full_shape[i], full_strides, i)) {
        shape.back() *= full_shape[i];
        for (size_t j = 0; j < N; ++j) strides[j].back() = full_strides[j][i];
      } else {
        shape.push_back(full_shape[i]);
        for (size_t j = 0; j < N; ++j) strides[j].push_back(full_strides[j][i]);
      }
    }
    if (shape.empty()) {
      shape.push_back(1);
      for (size_t j = 0; j < N; ++j) strides[j].push_back(1);
    }
  }

  int64_t inner() const { return shape.back(); }
  int64_t size() const {
    int64_t product = 1;
    for (const int64_t length : shape) product *= length;
    return product;
  }

  /// Calls body(offsets, count, position) for the pieces of innermost rows that make up elements [begin, end):
  /// offsets[j] is the place of the piece's first element in array j, position its number.
  template <typename Body>
  void run(int64_t begin, int64_t end, Body&& body) const {
    const int64_t n = inner();
    int64_t row = begin / n;
    int64_t column = begin % n;
    for (int64_t at = begin; at < end; ++row, column = 0) {
      const int64_t count = std::min(n - column, end - at);
      std::array<int64_t, N> offsets = row_offsets(row);
      for (size_t j = 0; j < N; ++j) offsets[j] += column * strides[j].back();
      body(offsets, count, at);
      at += count;
    }
  }

 private:
  bool merges(int64_t length, const std::array<Strides, N>& full, size_t axis) const {
    for (size_t j = 0; j < N; ++j) {
      if (strides[j].back() != full[j][axis] * length) return false;
    }
    return true;
  }

  std::array<int64_t, N> row_offsets(int64_t row) const {
    std::array<int64_t, N> offsets{};
    for (size_t axis = shape.size() - 1; axis-- > 0;) {
      const int64_t index = row % shape[axis];
      row /= shape[axis];
      for (size_t j = 0; j < N; ++j) offsets[j] += index * strides[j][axis];
    }
    return offsets;
  }
};

}  // namespace mica::cpu
