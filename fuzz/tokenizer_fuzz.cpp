// Any bytes as a tokenizer.json, and the rest of them as text. Input: u16 little-endian length of the text, the text,
// the JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mica/base/error.h"
#include "mica/text/detokenizer.h"
#include "mica/text/span.h"
#include "mica/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t length = (data[0] | static_cast<size_t>(data[1]) << 8) % (input.size() + 1);
  const std::string_view text = input.substr(0, length);
  try {
    const auto tokenizer = mica::text::Tokenizer::from_json(input.substr(length), "fuzz");
    const mica::text::Span half{length / 2, length};
    std::vector<int32_t> ids = tokenizer.encode(text, {.untrusted = {&half, 1}});
    tokenizer.decode(ids);
    mica::text::Detokenizer stream(tokenizer, true);
    for (const int32_t id : ids) stream.add(id);
    stream.finish();
  } catch (const mica::Error&) {
    return 0;  // what bad input should end in
  }
  return 0;
}
