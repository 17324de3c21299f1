#include "mica/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/unicode.h"

namespace mica::text {
namespace {

constexpr size_t max_token_bytes = 4096;

bool word_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  size_t p = previous_start(text, at);
  return is_word(next_code_point(text, p));
}

bool word_after(std::string_view text, size_t at) {
  return at < text.size() && is_word(next_code_point(text, at));
}

size_t skip_space_back(std::string_view text, size_t at, size_t lowest) {
  while (at > lowest) {
    const size_t start = previous_start(text, at);
    size_t p = start;
    if (!is_white_space(next_code_point(text, p))) break;
    at = start;
  }
  return at;
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t after = at;
    if (!is_white_space(next_code_point(text, after))) break;
    at = after;
  }
  return at;
}

bool overlaps(std::span<const Span> sorted, Span span) {
  const auto it = std::upper_bound(sorted.begin(), sorted.end(), span.begin,
                                   [](size_t begin, const Span& s) { return begin < s.end; });
  return it != sorted.end() && it->begin < span.end;
}

}  // namespace

bool AddedToken::controls() const {
  if (special) return true;
  if (content.size() < 3) return false;
  return (content.front() == '<' && content.back() == '>') || (content.front() == '[' && content.back() == ']');
}

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.content != b.content ? a.content < b.content : a.id < b.id;
  });
  for (const AddedToken& token : tokens_) {
    if (token.content.size() > max_token_bytes)
      fail("added token {}: longer than {} bytes", quoted(token.content), max_token_bytes);
    first_bytes_[static_cast<uint8_t>(token.content[0])] = true;
  }
}

bool AddedTokenMatcher::allowed(const AddedToken& token, Span span, const AddedTokenFilter& filter) const {
  if (!token.controls()) return true;
  return !filter.all_untrusted && !overlaps(filter.untrusted, span);
}

// Narrows the sorted tokens byte by byte; in a range, a token that ends here comes first.
const AddedToken* AddedTokenMatcher::longest_at(std::string_view text, size_t at,
                                                const AddedTokenFilter& filter) const {
  const AddedToken* best = nullptr;
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (size_t depth = 0; low != high; ++depth) {
    if (low->content.size() == depth && depth > 0) {
      if (allowed(*low, {at, at + depth}, filter)) best = &*low;
      while (low != high && low->content.size() == depth) ++low;
    }
    if (at + depth >= text.size() || low == high) break;
    const auto byte = static_cast<uint8_t>(text[at + depth]);
    const auto key = [&](const AddedToken& token) { return static_cast<uint8_t>(token.content[depth]); };
    low = std::partition_point(low, high, [&](const AddedToken& token) { return key(token) < byte; });
    high = std::partition_point(low, high, [&](const AddedToken& token) { return key(token) == byte; });
  }
  return best;
}

std::vector<Segment> AddedTokenMatcher::split(std::string_view text, const AddedTokenFilter& filter) const {
  std::vector<Segment> out;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !tokens_.empty();) {
    if (!first_bytes_[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    const AddedToken* token = longest_at(text, at, filter);
    if (token == nullptr) {
      ++at;
      continue;
    }
    Span span{at, at + token->content.size()};
    at = span.end;
    if (token->special && !filter.special) continue;
    if (token->single_word && (word_before(text, span.begin) || word_after(text, span.end))) continue;
    if (token->lstrip) span.begin = skip_space_back(text, span.begin, done);
    if (token->rstrip) span.end = skip_space(text, span.end);
    if (span.begin < done) span.begin = done;
    if (span.begin > done) out.push_back({{done, span.begin}, -1});
    out.push_back({span, token->id});
    done = at = span.end;
  }
  if (done < text.size()) out.push_back({{done, text.size()}, -1});
  return out;
}

}  // namespace mica::text
