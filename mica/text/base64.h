#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mica::text {

/// The bytes of standard base64 (RFC 4648, with padding), or nothing when the text isn't that.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mica::text
