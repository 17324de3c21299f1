#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mica/text/unicode.h"

namespace mica::text {

/// A set of code points as ranges: what a character class of a regular expression is built from.
class PointSet {
 public:
  void add(PointRange range) { ranges_.push_back(range); }
  void add(uint32_t point) { ranges_.push_back({point, point}); }
  void add(const PointSet& other) { ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end()); }

  PointSet complement() const;
  PointSet intersect(const PointSet& other) const;
  /// With every character that differs from a member only in case (simple case folding).
  PointSet close_over_case() const;
  /// The same set as sorted ranges that don't touch.
  std::vector<PointRange> ranges() const;

 private:
  std::vector<PointRange> ranges_;
};

/// A set of code points for matching: membership in constant time.
class CharSet {
 public:
  CharSet() : CharSet(PointSet()) {}
  explicit CharSet(const PointSet& set);

  bool contains(uint32_t point) const {
    return (pages_[page_of_[point >> 8]][(point >> 6) & 3] >> (point & 63) & 1) != 0;
  }
  bool contains_ascii(uint8_t byte) const { return (ascii_[byte >> 6] >> (byte & 63) & 1) != 0; }

 private:
  using Page = std::array<uint64_t, 4>;
  std::array<uint64_t, 2> ascii_{};
  std::vector<uint16_t> page_of_;  // of every 256 code points, which page holds their bits
  std::vector<Page> pages_;
};

}  // namespace mica::text
