#include "mica/text/word_cache.h"

#include <algorithm>

namespace mica::text {

std::span<const int32_t> WordCache::find(std::string_view word, uint64_t hash) const {
  if (entries_.empty() || word.size() > max_bytes) return {};
  const Entry& entry = entries_[hash % slots];
  if (std::string_view(entry.word.data(), entry.length) != word) return {};
  return std::span(entry.tokens).first(entry.count);
}

void WordCache::insert(std::string_view word, uint64_t hash, std::span<const int32_t> tokens) {
  if (word.size() > max_bytes || tokens.size() > max_tokens) return;
  // A short text does not pay for the table.
  if (entries_.empty()) {
    if (++words_ < words_before_table) return;
    entries_.resize(slots);
  }
  Entry& entry = entries_[hash % slots];
  entry.length = static_cast<uint8_t>(word.size());
  entry.count = static_cast<uint8_t>(tokens.size());
  std::copy(word.begin(), word.end(), entry.word.begin());
  std::copy(tokens.begin(), tokens.end(), entry.tokens.begin());
}

}  // namespace mica::text
