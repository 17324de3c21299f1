#include "mica/cpu/cache_places.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/memory.h"

namespace mica::cpu {
namespace {

/// The pages of places [begin, end) of a sequence are among the `count` that there are.
void check_pages(const KvPages& pages, int64_t sequence, int64_t begin, int64_t end, int64_t count,
                 std::string_view op) {
  for (int64_t column = begin / pages.tokens; column * pages.tokens < end; ++column) {
    const int64_t page = pages.place(sequence, column * pages.tokens).entry;
    if (page >= 0 && page < count) continue;
    fail_as<std::out_of_range>("[{}] page {} of sequence {} has number {}, there are {} pages", op, column, sequence,
                               page, count);
  }
}

}  // namespace

CachePlaces::CachePlaces(const array& cache, const array& starts, const array* table, int64_t count, int64_t before,
                         std::string_view op)
    : starts_(row_contiguous(starts)),
      table_(table != nullptr ? row_contiguous(*table) : starts_),
      capacity_(cache.shape(2)) {
  if (table != nullptr) {
    pages_ = {table_.data<int32_t>(), table_.shape(1), cache.shape(2)};
    capacity_ = pages_.columns * pages_.tokens;
  }
  for (int64_t b = 0; b < starts_.shape(0); ++b) {
    const int64_t first = this->starts()[b];
    const int64_t end = first + count;
    if (first < 0 || end > capacity_) {
      fail_as<std::out_of_range>("[{}] {} rows from place {} on do not fit a cache of {}", op, count, first, capacity_);
    }
    if (table != nullptr) check_pages(pages_, b, std::max<int64_t>(0, first - before), end, cache.shape(0), op);
  }
}

}  // namespace mica::cpu
