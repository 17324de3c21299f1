#include "mica/base/utf8.h"

#include <algorithm>

#include <simdjson.h>

namespace mica {
namespace {

// Bytes that a lead byte promises, and the range of its first continuation byte (which excludes overlong forms,
// surrogates and values past U+10FFFF).
struct Lead {
  uint8_t length;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xc2) return {0};
  if (byte < 0xe0) return {2};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0};
}

// How many bytes at text[at] form a prefix of a character with this lead.
size_t well_formed_bytes(std::string_view text, size_t at, const Lead& lead) {
  size_t count = 1;
  while (count < lead.length && at + count < text.size()) {
    const auto byte = static_cast<uint8_t>(text[at + count]);
    const uint8_t low = count == 1 ? lead.low : 0x80;
    const uint8_t high = count == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) break;
    ++count;
  }
  return count;
}

}  // namespace

Decoded decode_utf8(std::string_view text, size_t at) {
  const Lead lead = lead_of(static_cast<uint8_t>(text[at]));
  if (lead.length == 0) return {replacement_character, 1, false};
  const size_t count = well_formed_bytes(text, at, lead);
  if (count < lead.length) return {replacement_character, static_cast<uint8_t>(count), false};
  size_t end = at;
  return {next_code_point(text, end), lead.length, true};
}

void append_utf8(std::string& out, uint32_t point) {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) point = replacement_character;
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text);
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    if (c.valid) {
      out.append(text, at, c.length);
    } else {
      append_utf8(out, replacement_character);
    }
    at += c.length;
  }
  return out;
}

size_t unfinished_tail(std::string_view text) {
  const size_t reach = std::min<size_t>(3, text.size());
  for (size_t back = 1; back <= reach; ++back) {
    const size_t at = text.size() - back;
    const auto byte = static_cast<uint8_t>(text[at]);
    if ((byte & 0xc0) == 0x80) continue;
    const Lead lead = lead_of(byte);
    return lead.length > back && well_formed_bytes(text, at, lead) == back ? back : 0;
  }
  return 0;
}

}  // namespace mica
