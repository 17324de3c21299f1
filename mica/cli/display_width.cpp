#include "mica/cli/display_width.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "mica/base/utf8.h"
#include "mica/text/unicode.h"

namespace mica::cli {
namespace {

/// East Asian Wide and Fullwidth characters and emoji that are shown as pictures (Unicode 16, EastAsianWidth.txt),
/// neighbouring ranges merged over unassigned points.
constexpr std::array<text::PointRange, 68> kWide = {{
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2630, 0x2637},   {0x2648, 0x2653},
    {0x267f, 0x267f},   {0x268a, 0x268f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},
    {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},
    {0x26f2, 0x26f3},   {0x26f5, 0x26f5},   {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},
    {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},
    {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},   {0x3041, 0x3247},   {0x3250, 0x4dbf},
    {0x4dc0, 0xa4c6},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},
    {0xfe30, 0xfe6b},   {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18d08}, {0x1aff0, 0x1b2fb},
    {0x1d300, 0x1d356}, {0x1d360, 0x1d376}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
    {0x1f191, 0x1f19a}, {0x1f1e6, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
    {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f43e}, {0x1f440, 0x1f4fc}, {0x1f4ff, 0x1f53d},
    {0x1f54b, 0x1f567}, {0x1f57a, 0x1f6fc}, {0x1f7e0, 0x3fffd},
}};

constexpr uint32_t kJoiner = 0x200d;
constexpr uint32_t kAsPicture = 0xfe0f;

bool is_wide(uint32_t point) {
  const auto after = std::partition_point(kWide.begin(), kWide.end(), [&](auto range) { return range.last < point; });
  return after != kWide.end() && after->first <= point;
}

bool is_flag_letter(uint32_t point) {
  return point >= 0x1f1e6 && point <= 0x1f1ff;
}

/// Whether a code point is shown on top of what stands before it.
bool extends(uint32_t point) {
  const text::Category category = text::category(point);
  return category == text::Category::Mn || category == text::Category::Me || category == text::Category::Mc ||
         point == kJoiner || point == 0x200c || (point >= 0x1f3fb && point <= 0x1f3ff) ||
         (point >= 0x1160 && point <= 0x11ff);
}

}  // namespace

size_t next_cluster(std::string_view text, size_t at) {
  uint32_t last = next_code_point(text, at);
  bool flag_open = is_flag_letter(last);
  while (at < text.size() && last != '\n') {
    size_t after = at;
    const uint32_t point = next_code_point(text, after);
    const bool joined = last == kJoiner && is_wide(point);
    const bool flag = flag_open && is_flag_letter(point);
    if (!extends(point) && !joined && !flag) break;
    flag_open = false;
    last = point;
    at = after;
  }
  return at;
}

size_t previous_cluster(std::string_view text, size_t at) {
  // Flags can only be told apart from the front; a line is short enough for that.
  size_t begin = text.rfind('\n', at - 1);
  begin = begin == std::string_view::npos ? 0 : begin == at - 1 ? begin : begin + 1;
  while (true) {
    const size_t next = next_cluster(text, begin);
    if (next >= at) return begin;
    begin = next;
  }
}

int cluster_width(std::string_view cluster) {
  size_t at = 0;
  const uint32_t first = next_code_point(cluster, at);
  if (first < 0x20 || first == 0x7f) return 0;
  if (is_wide(first)) return 2;
  if (cluster.size() > at && next_code_point(cluster, at) == kAsPicture) return 2;
  const text::Category category = text::category(first);
  const bool invisible = category == text::Category::Mn || category == text::Category::Me ||
                         (category == text::Category::Cf && first != 0xad) || category == text::Category::Cc;
  return invisible ? 0 : 1;
}

}  // namespace mica::cli
