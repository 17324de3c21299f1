#include "mica/text/normalize.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "mica/base/utf8.h"
#include "mica/text/unicode_tables.h"

namespace mica::text {
namespace {

// Hangul syllables are composed by arithmetic (Unicode 16 §3.12).
constexpr uint32_t s_base = 0xac00, l_base = 0x1100, v_base = 0x1161, t_base = 0x11a7;
constexpr uint32_t l_count = 19, v_count = 21, t_count = 28, s_count = l_count * v_count * t_count;

struct Point {
  uint32_t value;
  uint8_t combining_class;
};

uint8_t combining_class(uint32_t point) {
  if (point < 0x300) return 0;
  const auto after = std::upper_bound(std::begin(combining_runs), std::end(combining_runs), point << 8 | 0xff);
  return static_cast<uint8_t>(*std::prev(after) & 0xff);
}

std::span<const uint32_t> find_decomposition(std::span<const Decomposition> table, uint32_t point) {
  const auto it = std::lower_bound(table.begin(), table.end(), point,
                                   [](const Decomposition& d, uint32_t p) { return d.point < p; });
  if (it == table.end() || it->point != point) return {};
  return std::span(decomposition_pool).subspan(it->offset, it->length);
}

void decompose(uint32_t point, bool compatible_too, std::vector<Point>& out) {
  if (point < 0xa0) return out.push_back({point, 0});
  if (point >= s_base && point < s_base + s_count) {
    const uint32_t index = point - s_base;
    out.push_back({l_base + index / (v_count * t_count), 0});
    out.push_back({v_base + index / t_count % v_count, 0});
    if (index % t_count != 0) out.push_back({t_base + index % t_count, 0});
    return;
  }
  auto parts = find_decomposition(canonical, point);
  if (parts.empty() && compatible_too) parts = find_decomposition(compatible, point);
  if (parts.empty()) return out.push_back({point, combining_class(point)});
  // The tables hold one level; their nesting is at most a few deep.
  for (const uint32_t part : parts) decompose(part, compatible_too, out);
}

void order_marks(std::vector<Point>& points) {
  for (auto it = points.begin(); it != points.end();) {
    if (it->combining_class == 0) {
      ++it;
      continue;
    }
    const auto end = std::find_if(it, points.end(), [](const Point& p) { return p.combining_class == 0; });
    std::stable_sort(it, end, [](const Point& a, const Point& b) { return a.combining_class < b.combining_class; });
    it = end;
  }
}

// The primary composite of two points, or 0.
uint32_t composed(uint32_t a, uint32_t b) {
  if (a >= l_base && a < l_base + l_count && b >= v_base && b < v_base + v_count) {
    return s_base + ((a - l_base) * v_count + (b - v_base)) * t_count;
  }
  if (a >= s_base && a < s_base + s_count && (a - s_base) % t_count == 0 && b > t_base && b < t_base + t_count) {
    return a + (b - t_base);
  }
  const auto it = std::lower_bound(std::begin(compositions), std::end(compositions), Composition{a, b, 0},
                                   [](const Composition& x, const Composition& y) {
                                     return x.first != y.first ? x.first < y.first : x.second < y.second;
                                   });
  return it != std::end(compositions) && it->first == a && it->second == b ? it->whole : 0;
}

void compose(std::vector<Point>& points) {
  size_t kept = 0;
  size_t starter = SIZE_MAX;
  for (const Point p : points) {
    if (starter != SIZE_MAX) {
      // A mark is blocked by an earlier one of the same or a higher class, a starter by anything in between.
      const bool adjacent = kept == starter + 1;
      const bool blocked = !adjacent && points[kept - 1].combining_class >= p.combining_class;
      const uint32_t whole = blocked ? 0 : composed(points[starter].value, p.value);
      if (whole != 0) {
        points[starter].value = whole;
        continue;
      }
    }
    if (p.combining_class == 0) starter = kept;
    points[kept++] = p;
  }
  points.resize(kept);
}

}  // namespace

std::string normalize(std::string_view text, NormalForm form) {
  const bool compatible_too = form == NormalForm::nfkc || form == NormalForm::nfkd;
  // ASCII is the same in all forms.
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; })) {
    return std::string(text);
  }
  std::vector<Point> points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) decompose(next_code_point(text, at), compatible_too, points);
  order_marks(points);
  if (form == NormalForm::nfc || form == NormalForm::nfkc) compose(points);
  std::string out;
  out.reserve(text.size());
  for (const Point& p : points) append_utf8(out, p.value);
  return out;
}

}  // namespace mica::text
