#include "mica/text/char_set.h"

#include <algorithm>
#include <utility>

namespace mica::text {
namespace {

constexpr uint32_t last_point = 0x10ffff;

bool holds(const std::vector<PointRange>& sorted, uint32_t point) {
  const auto after = std::upper_bound(sorted.begin(), sorted.end(), point,
                                      [](uint32_t p, const PointRange& range) { return p < range.first; });
  return after != sorted.begin() && point <= std::prev(after)->last;
}

}  // namespace

std::vector<PointRange> PointSet::ranges() const {
  std::vector<PointRange> sorted = ranges_;
  std::sort(sorted.begin(), sorted.end(), [](const PointRange& a, const PointRange& b) { return a.first < b.first; });
  std::vector<PointRange> out;
  for (const PointRange& range : sorted) {
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

PointSet PointSet::complement() const {
  PointSet out;
  uint32_t next = 0;
  for (const PointRange& range : ranges()) {
    if (range.first > next) out.add({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= last_point) out.add({next, last_point});
  return out;
}

PointSet PointSet::intersect(const PointSet& other) const {
  PointSet outside = complement();
  outside.add(other.complement());
  return outside.complement();
}

PointSet PointSet::close_over_case() const {
  const std::vector<PointRange> own = ranges();
  // Which folded forms the set reaches; then everything that folds to one of them.
  std::vector<uint32_t> folded;
  for_case_pairs([&](uint32_t point, uint32_t fold) {
    if (holds(own, point) || holds(own, fold)) folded.push_back(fold);
  });
  std::sort(folded.begin(), folded.end());
  PointSet out = *this;
  for_case_pairs([&](uint32_t point, uint32_t fold) {
    if (!std::binary_search(folded.begin(), folded.end(), fold)) return;
    out.add(point);
    out.add(fold);
  });
  return out;
}

CharSet::CharSet(const PointSet& set) : page_of_((last_point >> 8) + 1, 0), pages_(1) {
  constexpr uint16_t full_page = 1;
  pages_.push_back({~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}});
  for (const PointRange& range : set.ranges()) {
    for (uint32_t page = range.first >> 8; page <= range.last >> 8; ++page) {
      const uint32_t from = std::max(range.first, page << 8);
      const uint32_t to = std::min(range.last, page << 8 | 0xff);
      if (to - from == 0xff) {
        page_of_[page] = full_page;
        continue;
      }
      if (page_of_[page] == 0) {
        page_of_[page] = static_cast<uint16_t>(pages_.size());
        pages_.emplace_back();
      }
      Page& bits = pages_[page_of_[page]];
      for (uint32_t p = from; p <= to; ++p) bits[(p >> 6) & 3] |= uint64_t{1} << (p & 63);
    }
  }
  ascii_ = {pages_[page_of_[0]][0], pages_[page_of_[0]][1]};
}

}  // namespace mica::text
