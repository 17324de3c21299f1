#include "mica/text/wordpiece.h"

#include <algorithm>

#include "mica/base/utf8.h"

namespace mica::text {

void WordPiece::encode(std::string_view word, const Vocab& vocab, std::vector<int32_t>& out) const {
  const size_t start = out.size();
  const auto give_up = [&] {
    out.resize(start);
    if (unknown >= 0) out.push_back(unknown);
  };
  const auto is_lead = [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; };
  if (static_cast<size_t>(std::count_if(word.begin(), word.end(), is_lead)) > max_characters) return give_up();
  for (size_t begin = 0; begin < word.size();) {
    std::string candidate = begin > 0 ? continuing_prefix : "";
    const size_t prefix = candidate.size();
    candidate += word.substr(begin);
    size_t end = word.size();
    std::optional<int32_t> id;
    while (end > begin && !(id = vocab.find(std::string_view(candidate).substr(0, prefix + end - begin)))) {
      end = previous_start(word, end);
    }
    if (!id) return give_up();
    out.push_back(*id);
    begin = end;
  }
}

}  // namespace mica::text
