#include "mica/text/detokenizer.h"

#include "mica/base/utf8.h"

namespace mica::text {

std::string Detokenizer::add(int32_t id) {
  const std::string bytes = tokenizer_.token_bytes(id, first_);
  if (skip_special_ && tokenizer_.is_special(id)) return {};
  first_ = false;
  pending_ += bytes;
  if (at_front_ && !pending_.empty()) {
    const size_t already = stripped_.size();
    const size_t now = tokenizer_.stripped_bytes(stripped_ + pending_);
    stripped_ += pending_.substr(0, now - already);
    pending_.erase(0, now - already);
    at_front_ = pending_.empty();
  }
  const size_t ready = pending_.size() - unfinished_tail(pending_);
  std::string out = to_valid_utf8(std::string_view(pending_).substr(0, ready));
  pending_.erase(0, ready);
  return out;
}

std::string Detokenizer::finish() {
  std::string out = to_valid_utf8(pending_);
  first_ = true;
  at_front_ = true;
  pending_.clear();
  stripped_.clear();
  return out;
}

}  // namespace mica::text
