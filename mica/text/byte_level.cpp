#include "mica/text/byte_level.h"

#include <array>

#include "mica/base/utf8.h"

namespace mica::text {
namespace {

constexpr bool stands_for_itself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

struct Alphabet {
  std::array<uint16_t, 256> points{};
  std::array<int16_t, 0x144> bytes{};
};

constexpr Alphabet make_alphabet() {
  Alphabet out;
  out.bytes.fill(-1);
  uint16_t next = 0x100;
  for (uint16_t byte = 0; byte < 256; ++byte) {
    out.points[byte] = stands_for_itself(byte) ? byte : next++;
    out.bytes[out.points[byte]] = static_cast<int16_t>(byte);
  }
  return out;
}

constexpr Alphabet alphabet = make_alphabet();

}  // namespace

uint32_t byte_to_point(uint8_t byte) {
  return alphabet.points[byte];
}

std::optional<uint8_t> point_to_byte(uint32_t point) {
  if (point >= alphabet.bytes.size() || alphabet.bytes[point] < 0) return std::nullopt;
  return static_cast<uint8_t>(alphabet.bytes[point]);
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) append_utf8(out, byte_to_point(static_cast<uint8_t>(c)));
  return out;
}

bool append_from_byte_alphabet(std::string_view text, std::string& out) {
  const size_t start = out.size();
  for (size_t at = 0; at < text.size(); ++at) {
    // Characters of the alphabet have one byte or two.
    uint32_t point = static_cast<uint8_t>(text[at]);
    if (point >= 0xc2 && point <= 0xc5 && at + 1 < text.size() && (static_cast<uint8_t>(text[at + 1]) & 0xc0) == 0x80) {
      point = (point & 0x1f) << 6 | (static_cast<uint8_t>(text[++at]) & 0x3f);
    } else if (point >= 0x80) {
      point = UINT32_MAX;
    }
    if (point >= alphabet.bytes.size() || alphabet.bytes[point] < 0) {
      out.resize(start);
      return false;
    }
    out.push_back(static_cast<char>(alphabet.bytes[point]));
  }
  return true;
}

}  // namespace mica::text
