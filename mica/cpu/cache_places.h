#pragma once

#include <cstdint>
#include <string_view>

#include "mica/array/array.h"
#include "mica/cpu/kv_pages.h"

namespace mica::cpu {

/// Where the new rows of every sequence go in a cache [B, H, C, D], or [P, H, T, D] with a page table.
class CachePlaces {
 public:
  /// `count` rows of each sequence go to the places from starts [B] on; the `before` places before those (as many as
  /// there are) are to be read. `table` [B, M] or null; both int32. Throws std::out_of_range for places outside of the
  /// cache, and for numbers that no page has.
  CachePlaces(const array& cache, const array& starts, const array* table, int64_t count, int64_t before,
              std::string_view op);

  const KvPages& pages() const { return pages_; }
  /// Places of a sequence.
  int64_t capacity() const { return capacity_; }
  const int32_t* starts() const { return starts_.data<int32_t>(); }
  /// Of a new row.
  KvPages::Place place(int64_t sequence, int64_t row) const { return pages_.place(sequence, starts()[sequence] + row); }

 private:
  array starts_;
  array table_;  // the starts if there is none
  KvPages pages_;
  int64_t capacity_;
};

}  // namespace mica::cpu
