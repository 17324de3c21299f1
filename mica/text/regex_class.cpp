#include "mica/text/regex_class.h"

#include <utility>

#include "mica/base/error.h"
#include "mica/base/utf8.h"

namespace mica::text::regex {
namespace {

constexpr int max_class_depth = 32;

PointSet property(PatternReader& in, std::string_view name, bool negated) {
  if (name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  PointSet set;
  if (!for_property(name, [&](PointRange range) { set.add(range); })) in.refuse("unknown character property");
  return negated ? set.complement() : set;
}

// \p{Name}, \P{Name}, \p{^Name}; also \pL.
PointSet parse_property(PatternReader& in, bool negated) {
  if (in.accept('{')) return property(in, in.until('}'), negated);
  const auto letter = static_cast<char>(in.next());
  return property(in, std::string_view(&letter, 1), negated);
}

uint32_t parse_hexadecimal(PatternReader& in) {
  if (!in.accept('{')) return in.hexadecimal(2);
  const uint32_t point = in.hexadecimal(8);
  in.expect('}');
  return point;
}

uint32_t checked_point(PatternReader& in, uint32_t point) {
  if (point > 0x10ffff) in.refuse("character past U+10FFFF");
  return point;
}

// [:alpha:] or [:^alpha:], after "[:"; nothing when it is an ordinary class that begins with a colon.
std::optional<PointSet> parse_posix(PatternReader& in) {
  const size_t start = in.position();
  std::string_view name;
  while (!in.at_end() && in.peek() != ':' && in.peek() != ']') in.next();
  if (in.accept(":]")) {
    const size_t end = in.position();
    in.rewind(start);
    name = in.until(':');
    in.rewind(end);
    return property(in, name, false);
  }
  in.rewind(start);
  return std::nullopt;
}

class ClassParser {
 public:
  ClassParser(PatternReader& in, bool ignore_case, int depth) : in_(in), ignore_case_(ignore_case), depth_(depth) {}

  PointSet parse() {
    const bool negated = in_.accept('^');
    bool first = true;
    while (first || !in_.accept(']')) {
      // "]" right after the opening bracket stands for itself.
      if (first && in_.accept(']')) {
        current_.add(']');
        if (in_.peek() == '-') finish_range(']');
      } else if (in_.accept("&&")) {
        intersect();
      } else {
        parse_member();
      }
      first = false;
    }
    intersect();
    PointSet set = result_.value_or(PointSet());
    if (ignore_case_) set = set.close_over_case();
    return negated ? set.complement() : set;
  }

 private:
  void intersect() {
    result_ = result_ ? result_->intersect(current_) : std::move(current_);
    current_ = PointSet();
  }

  void parse_member() {
    if (in_.accept("[:")) {
      if (const auto posix = parse_posix(in_)) return current_.add(*posix);
      current_.add(parse_class_after_colon());
    } else if (in_.accept('[')) {
      current_.add(parse_class(in_, ignore_case_, depth_ + 1));
    } else {
      const Escape member = parse_point();
      if (member.set) return current_.add(*member.set);
      finish_range(member.point);
    }
  }

  PointSet parse_class_after_colon() {
    PointSet set = parse_class(in_, ignore_case_, depth_ + 1);
    set.add(':');
    return set;
  }

  Escape parse_point() {
    if (in_.accept('\\')) return parse_class_escape(in_);
    return {std::nullopt, in_.next()};
  }

  // `first` alone or, when "-x" follows, the range from it.
  void finish_range(uint32_t first) {
    const size_t before = in_.position();
    if (!in_.accept('-')) return current_.add(first);
    if (in_.peek() == ']' || in_.peek() == '[') {
      in_.rewind(before);
      in_.next();
      current_.add('-');
      return current_.add(first);
    }
    const Escape last = parse_point();
    if (last.set) {
      current_.add(first);
      current_.add('-');
      return current_.add(*last.set);
    }
    if (last.point < first) in_.refuse("range the wrong way round");
    current_.add({first, last.point});
  }

  PatternReader& in_;
  bool ignore_case_;
  int depth_;
  PointSet current_;
  std::optional<PointSet> result_;
};

}  // namespace

uint32_t PatternReader::peek() const {
  if (at_end()) return 0;
  size_t at = at_;
  return next_code_point(pattern_, at);
}

uint32_t PatternReader::next() {
  if (at_end()) refuse("ends too early");
  return next_code_point(pattern_, at_);
}

bool PatternReader::accept(char c) {
  return accept(std::string_view(&c, 1));
}

bool PatternReader::accept(std::string_view text) {
  if (!pattern_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

void PatternReader::expect(char c) {
  if (!accept(c)) refuse(std::string("expected ") + c);
}

std::optional<uint32_t> PatternReader::number(uint32_t limit) {
  if (at_end() || pattern_[at_] < '0' || pattern_[at_] > '9') return std::nullopt;
  uint32_t value = 0;
  while (!at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
    value = value * 10 + static_cast<uint32_t>(pattern_[at_++] - '0');
    if (value > limit) refuse("number too large");
  }
  return value;
}

uint32_t PatternReader::hexadecimal(int max_digits) {
  uint32_t value = 0;
  int digits = 0;
  for (; digits < max_digits && !at_end(); ++digits, ++at_) {
    const char c = pattern_[at_];
    if (c >= '0' && c <= '9')
      value = value << 4 | static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value << 4 | static_cast<uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      value = value << 4 | static_cast<uint32_t>(c - 'A' + 10);
    else
      break;
  }
  if (digits == 0) refuse("expected a hexadecimal number");
  return value;
}

std::string_view PatternReader::until(char end) {
  const size_t stop = pattern_.find(end, at_);
  if (stop == std::string_view::npos) refuse(std::string("expected ") + end);
  const std::string_view text = pattern_.substr(at_, stop - at_);
  at_ = stop + 1;
  return text;
}

void PatternReader::refuse(std::string_view what) const {
  fail("regular expression {} at byte {}: {}", quoted(pattern_), at_, what);
}

Escape parse_class_escape(PatternReader& in) {
  const uint32_t c = in.next();
  switch (c) {
    case 's':
      return {property(in, "space", false)};
    case 'S':
      return {property(in, "space", true)};
    case 'd':
      return {property(in, "nd", false)};
    case 'D':
      return {property(in, "nd", true)};
    case 'w':
      return {property(in, "word", false)};
    case 'W':
      return {property(in, "word", true)};
    case 'h':
      return {property(in, "xdigit", false)};
    case 'H':
      return {property(in, "xdigit", true)};
    case 'p':
      return {parse_property(in, false)};
    case 'P':
      return {parse_property(in, true)};
    case 'n':
      return {std::nullopt, '\n'};
    case 'r':
      return {std::nullopt, '\r'};
    case 't':
      return {std::nullopt, '\t'};
    case 'f':
      return {std::nullopt, '\f'};
    case 'v':
      return {std::nullopt, '\v'};
    case 'a':
      return {std::nullopt, '\a'};
    case 'e':
      return {std::nullopt, 0x1b};
    case 'b':
      return {std::nullopt, '\b'};
    case '0':
      return {std::nullopt, 0};
    case 'x':
      return {std::nullopt, checked_point(in, parse_hexadecimal(in))};
    case 'u':
      return {std::nullopt, in.hexadecimal(4)};
    default:
      break;
  }
  const bool plain = c >= 0x80 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9'));
  if (!plain) in.refuse("unsupported escape");
  return {std::nullopt, c};
}

PointSet parse_class(PatternReader& in, bool ignore_case, int depth) {
  if (depth > max_class_depth) in.refuse("nested too deep");
  return ClassParser(in, ignore_case, depth).parse();
}

}  // namespace mica::text::regex
