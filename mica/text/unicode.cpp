#include "mica/text/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "mica/text/unicode_tables.h"

namespace mica::text {
namespace {

constexpr std::array<std::string_view, 30> category_names{"cn", "cc", "cf", "co", "cs", "ll", "lm", "lo", "lt", "lu",
                                                          "mc", "me", "mn", "nd", "nl", "no", "pc", "pd", "pe", "pf",
                                                          "pi", "po", "ps", "sc", "sk", "sm", "so", "zl", "zp", "zs"};

struct LongName {
  std::string_view name;
  std::string_view categories;  // short names, or the first letters of them
};

constexpr LongName long_names[] = {{"unassigned", "cn"},
                                   {"control", "cc"},
                                   {"cntrl", "cc"},
                                   {"format", "cf"},
                                   {"privateuse", "co"},
                                   {"surrogate", "cs"},
                                   {"lowercaseletter", "ll"},
                                   {"modifierletter", "lm"},
                                   {"otherletter", "lo"},
                                   {"titlecaseletter", "lt"},
                                   {"uppercaseletter", "lu"},
                                   {"spacingmark", "mc"},
                                   {"enclosingmark", "me"},
                                   {"nonspacingmark", "mn"},
                                   {"decimalnumber", "nd"},
                                   {"digit", "nd"},
                                   {"letternumber", "nl"},
                                   {"othernumber", "no"},
                                   {"connectorpunctuation", "pc"},
                                   {"dashpunctuation", "pd"},
                                   {"closepunctuation", "pe"},
                                   {"finalpunctuation", "pf"},
                                   {"initialpunctuation", "pi"},
                                   {"otherpunctuation", "po"},
                                   {"openpunctuation", "ps"},
                                   {"currencysymbol", "sc"},
                                   {"modifiersymbol", "sk"},
                                   {"mathsymbol", "sm"},
                                   {"othersymbol", "so"},
                                   {"lineseparator", "zl"},
                                   {"paragraphseparator", "zp"},
                                   {"spaceseparator", "zs"},
                                   {"letter", "l"},
                                   {"mark", "m"},
                                   {"combiningmark", "m"},
                                   {"number", "n"},
                                   {"punctuation", "p"},
                                   {"symbol", "s"},
                                   {"separator", "z"},
                                   {"other", "c"}};

constexpr PointRange white_space[] = {{0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},
                                      {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                      {0x205f, 0x205f}, {0x3000, 0x3000}};

// The ASCII symbols that POSIX counts as punctuation are in category S; Oniguruma counts all of it.
bool is_punctuation_category(Category c) {
  return c >= Category::Pc && c <= Category::So;
}

// The run that holds `point` in a table of (first << 8 | value).
uint8_t value_at(std::span<const uint32_t> runs, uint32_t point) {
  const auto after = std::upper_bound(runs.begin(), runs.end(), point << 8 | 0xff);
  return static_cast<uint8_t>(*std::prev(after) & 0xff);
}

bool in_ranges(std::span<const PointRange> ranges, uint32_t point) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const PointRange& r) { return point >= r.first && point <= r.last; });
}

uint32_t mapped(std::span<const CaseRun> runs, uint32_t point) {
  const auto after =
      std::upper_bound(runs.begin(), runs.end(), point, [](uint32_t p, const CaseRun& run) { return p < run.first; });
  if (after == runs.begin()) return point;
  const CaseRun& run = *std::prev(after);
  if (point > run.last || (point - run.first) % run.step != 0) return point;
  return point - run.first + run.target;
}

template <typename Keep>
void for_runs(std::span<const uint32_t> runs, FunctionRef<void(PointRange)> use, const Keep& keep) {
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!keep(static_cast<uint8_t>(runs[i] & 0xff))) continue;
    const uint32_t last = i + 1 < runs.size() ? (runs[i + 1] >> 8) - 1 : 0x10ffff;
    use({runs[i] >> 8, last});
  }
}

bool is_alphabetic_category(Category c) {
  return (c >= Category::Ll && c <= Category::Lu) || c == Category::Nl;
}

bool is_mark_category(Category c) {
  return c == Category::Mc || c == Category::Me || c == Category::Mn;
}

std::string simplified(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '-' && c != ' ') out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  return out;
}

bool for_category(std::string_view name, FunctionRef<void(PointRange)> use) {
  for (const LongName& entry : long_names) {
    if (entry.name == name) name = entry.categories;
  }
  bool found = false;
  std::array<bool, category_names.size()> wanted{};
  for (size_t i = 0; i < category_names.size(); ++i) {
    wanted[i] = category_names[i] == name || category_names[i].substr(0, 1) == name ||
                (name == "lc" && (category_names[i] == "ll" || category_names[i] == "lu" || category_names[i] == "lt"));
    found = found || wanted[i];
  }
  if (found) for_runs(category_runs, use, [&](uint8_t value) { return wanted[value]; });
  return found;
}

bool for_script(std::string_view name, FunctionRef<void(PointRange)> use) {
  for (size_t i = 0; i < std::size(script_names); ++i) {
    if (script_names[i] != name && script_codes[i] != name) continue;
    for_runs(script_runs, use, [&](uint8_t value) { return value == i; });
    return true;
  }
  return false;
}

template <typename Keep>
void for_categories(FunctionRef<void(PointRange)> use, const Keep& keep) {
  for_runs(category_runs, use, [&](uint8_t value) { return keep(static_cast<Category>(value)); });
}

bool for_binary_property(std::string_view name, FunctionRef<void(PointRange)> use) {
  const auto also = [&](std::span<const PointRange> ranges) {
    for (const PointRange& range : ranges) use(range);
  };
  if (name == "any") {
    use({0, 0x10ffff});
  } else if (name == "assigned") {
    for_categories(use, [](Category c) { return c != Category::Cn; });
  } else if (name == "ascii") {
    use({0, 0x7f});
  } else if (name == "whitespace" || name == "space") {
    also(white_space);
  } else if (name == "blank") {
    for_categories(use, [](Category c) { return c == Category::Zs; });
    use({'\t', '\t'});
  } else if (name == "xdigit") {
    constexpr PointRange hex[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    also(hex);
  } else if (name == "punct") {
    for_categories(use, is_punctuation_category);
  } else if (name == "alphabetic" || name == "alpha" || name == "alnum" || name == "word") {
    const bool word = name == "word";
    for_categories(use, [&](Category c) {
      return is_alphabetic_category(c) || ((word || name == "alnum") && c == Category::Nd) ||
             (word && (is_mark_category(c) || c == Category::Pc));
    });
    also(other_alphabetic);
  } else if (name == "lower" || name == "lowercase") {
    for_categories(use, [](Category c) { return c == Category::Ll; });
  } else if (name == "upper" || name == "uppercase") {
    for_categories(use, [](Category c) { return c == Category::Lu; });
  } else {
    return false;
  }
  return true;
}

}  // namespace

Category category(uint32_t point) {
  return point > 0x10ffff ? Category::Cn : static_cast<Category>(value_at(category_runs, point));
}

char major_category(uint32_t point) {
  return static_cast<char>(category_names[static_cast<size_t>(category(point))][0] - 32);
}

bool is_white_space(uint32_t point) {
  if (point < 0x80) return point == ' ' || (point >= 0x09 && point <= 0x0d);
  return in_ranges(white_space, point);
}

bool is_word(uint32_t point) {
  const Category c = category(point);
  return is_alphabetic_category(c) || is_mark_category(c) || c == Category::Nd || c == Category::Pc ||
         in_ranges(other_alphabetic, point);
}

uint32_t to_lower(uint32_t point) {
  return mapped(lower_runs, point);
}
uint32_t to_upper(uint32_t point) {
  return mapped(upper_runs, point);
}
uint32_t case_fold(uint32_t point) {
  return mapped(fold_runs, point);
}

bool for_property(std::string_view name, FunctionRef<void(PointRange)> use) {
  const std::string key = simplified(name);
  return for_category(key, use) || for_binary_property(key, use) || for_script(key, use);
}

void for_case_pairs(FunctionRef<void(uint32_t, uint32_t)> use) {
  for (const CaseRun& run : fold_runs) {
    for (uint32_t p = run.first; p <= run.last; p += run.step) use(p, p - run.first + run.target);
  }
}

}  // namespace mica::text
