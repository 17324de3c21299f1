#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mica::text {

/// GPT-2's alphabet: every byte as a printable character, so that any bytes can be written as text. Printable Latin-1
/// stands for itself; the other 68 bytes are U+0100 … U+0143.
uint32_t byte_to_point(uint8_t byte);

/// The byte that a character of the alphabet stands for.
std::optional<uint8_t> point_to_byte(uint32_t point);

/// `bytes` written in the alphabet.
std::string to_byte_alphabet(std::string_view bytes);

/// Appends the bytes that `text` (UTF-8, characters of the alphabet) stands for; when another character is among them,
/// appends nothing and returns false.
bool append_from_byte_alphabet(std::string_view text, std::string& out);

}  // namespace mica::text
