#pragma once

#include <string>
#include <string_view>

namespace mica::text {

/// Unicode normalization forms (UAX #15) at Unicode 16.0. The text must be valid UTF-8.
enum class NormalForm { nfc, nfd, nfkc, nfkd };

std::string normalize(std::string_view text, NormalForm form);

}  // namespace mica::text
