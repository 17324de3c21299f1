#include "mica/text/normalizer.h"

#include "mica/base/utf8.h"
#include "mica/text/byte_level.h"
#include "mica/text/unicode.h"

namespace mica::text {
namespace {

template <typename Use>
std::string map_points(std::string_view text, const Use& use) {
  std::string out;
  out.reserve(text.size() + 8);
  for (size_t at = 0; at < text.size();) use(next_code_point(text, at), out);
  return out;
}

void append_lower(uint32_t point, std::string& out) {
  // The one letter whose lower-case form is two characters.
  if (point == 0x130) {
    out += "i\u0307";
  } else {
    append_utf8(out, to_lower(point));
  }
}

std::string lower(std::string_view text) {
  return map_points(text, append_lower);
}

std::string strip(std::string_view text, bool left, bool right) {
  while (left && !text.empty()) {
    size_t at = 0;
    if (!is_white_space(next_code_point(text, at))) break;
    text.remove_prefix(at);
  }
  while (right && !text.empty()) {
    const size_t start = previous_start(text, text.size());
    size_t at = start;
    if (!is_white_space(next_code_point(text, at))) break;
    text = text.substr(0, start);
  }
  return std::string(text);
}

bool is_cjk_ideograph(uint32_t p) {
  return (p >= 0x4e00 && p <= 0x9fff) || (p >= 0x3400 && p <= 0x4dbf) || (p >= 0x20000 && p <= 0x2a6df) ||
         (p >= 0x2a700 && p <= 0x2b73f) || (p >= 0x2b740 && p <= 0x2b81f) || (p >= 0x2b920 && p <= 0x2ceaf) ||
         (p >= 0xf900 && p <= 0xfaff) || (p >= 0x2f800 && p <= 0x2fa1f);
}

// Control and format characters and private use; unassigned code points are kept.
bool is_other(uint32_t point) {
  return major_category(point) == 'C' && category(point) != Category::Cn;
}

void append_clean(uint32_t point, std::string& out) {
  const bool line = point == '\t' || point == '\n' || point == '\r';
  if (!line && (point == 0 || point == replacement_character || is_other(point))) return;
  append_utf8(out, line || is_white_space(point) ? ' ' : point);
}

void append_spaced_ideograph(uint32_t point, std::string& out) {
  const bool spaced = is_cjk_ideograph(point);
  if (spaced) out.push_back(' ');
  append_utf8(out, point);
  if (spaced) out.push_back(' ');
}

void append_nmt(uint32_t p, std::string& out) {
  const bool dropped =
      (p >= 0x01 && p <= 0x08) || p == 0x0b || (p >= 0x0e && p <= 0x1f) || p == 0x7f || p == 0x8f || p == 0x9f;
  if (dropped) return;
  const bool space = p == 0x09 || p == 0x0a || p == 0x0c || p == 0x0d || p == 0x1680 || (p >= 0x200b && p <= 0x200f) ||
                     p == 0x2028 || p == 0x2029 || p == 0x2581 || p == 0xfeff || p == 0xfffd;
  append_utf8(out, space ? ' ' : p);
}

struct Apply {
  std::string_view text;

  std::string operator()(const normalizers::Form& n) const { return normalize(text, n.form); }
  std::string operator()(const normalizers::Lowercase&) const { return lower(text); }
  std::string operator()(const normalizers::StripAccents&) const {
    return map_points(text, [](uint32_t p, std::string& out) {
      if (!is_mark(p)) append_utf8(out, p);
    });
  }
  std::string operator()(const normalizers::Replace& n) const { return replace_all(n.pattern, text, n.content); }
  std::string operator()(const normalizers::Prepend& n) const {
    return text.empty() ? "" : n.prefix + std::string(text);
  }
  std::string operator()(const normalizers::Strip& n) const { return strip(text, n.left, n.right); }
  std::string operator()(const normalizers::Bert& n) const {
    std::string out(text);
    if (n.clean_text) out = map_points(out, append_clean);
    if (n.handle_chinese_chars) out = map_points(out, append_spaced_ideograph);
    if (n.strip_accents) {
      out = map_points(normalize(out, NormalForm::nfd), [](uint32_t p, std::string& to) {
        if (category(p) != Category::Mn) append_utf8(to, p);
      });
    }
    return n.lowercase ? lower(out) : out;
  }
  std::string operator()(const normalizers::Nmt&) const { return map_points(text, append_nmt); }
  std::string operator()(const normalizers::Precompiled& n) const { return n.map->apply(text); }
  std::string operator()(const normalizers::ByteLevel&) const { return to_byte_alphabet(text); }
};

}  // namespace

std::string replace_all(const std::variant<std::string, Regex>& pattern, std::string_view text,
                        std::string_view content) {
  std::string out;
  size_t done = 0;
  const auto put = [&](size_t begin, size_t end) {
    out.append(text, done, begin - done);
    out += content;
    done = end;
  };
  if (const auto* literal = std::get_if<std::string>(&pattern)) {
    if (literal->empty()) return std::string(text);
    for (size_t at = text.find(*literal); at != std::string_view::npos; at = text.find(*literal, done)) {
      put(at, at + literal->size());
    }
  } else {
    std::get<Regex>(pattern).for_matches(text, put);
  }
  out.append(text, done);
  return out;
}

std::string run_normalizers(const std::vector<Normalizer>& normalizers, std::string_view text) {
  std::string out(text);
  for (const Normalizer& normalizer : normalizers) out = std::visit(Apply{out}, normalizer);
  return out;
}

}  // namespace mica::text
