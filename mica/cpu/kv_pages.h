#pragma once

#include <cstdint>

namespace mica::cpu {

/// Where the tokens of a batch of sequences lie in a cache: those of sequence b in its entry b, or, with a table, in
/// the pages that the table names.
struct KvPages {
  /// Entry (or page) of the cache, and row of a head in it.
  struct Place {
    int64_t entry = 0;
    int64_t row = 0;
  };

  const int32_t* table = nullptr;  ///< [batch][columns] page numbers, or null
  int64_t columns = 0;             ///< the most pages of a sequence
  int64_t tokens = 0;              ///< of a page

  Place place(int64_t sequence, int64_t token) const {
    if (table == nullptr) return {sequence, token};
    return {table[sequence * columns + token / tokens], token % tokens};
  }
};

}  // namespace mica::cpu
