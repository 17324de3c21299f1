#include "mica/text/unigram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/span.h"
#include "mica/text/string_hash.h"

namespace mica::text {
namespace {

// A hash that a prefix passes on to the longer one.
uint64_t extend(uint64_t hash, char c) {
  return mix(hash ^ static_cast<uint8_t>(c)) + 1;
}

}  // namespace

Unigram::Unigram(std::vector<double> scores, int32_t unknown, bool byte_fallback, const Vocab& vocab)
    : scores_(std::move(scores)), unknown_(unknown), byte_fallback_(byte_fallback) {
  if (scores_.size() != static_cast<size_t>(vocab.size()))
    fail("vocabulary: {} scores for {} tokens", scores_.size(), vocab.size());
  if (unknown_ >= vocab.size()) fail("vocabulary: unknown token {} of {}", unknown_, vocab.size());
  constexpr double penalty = 10;  // how far below the worst token an unknown character lies
  double lowest = 0;
  size_t bytes = 0;
  for (int32_t id = 0; id < vocab.size(); ++id) {
    const double score = scores_[static_cast<size_t>(id)];
    if (!std::isfinite(score)) fail("vocabulary: score of token {} is not a finite number", id);
    lowest = std::min(lowest, score);
    if (!vocab.has(id)) continue;
    longest_ = std::max(longest_, vocab.text(id).size());
    bytes += vocab.text(id).size();
  }
  unknown_score_ = lowest - penalty;
  prefixes_.resize(std::bit_ceil(bytes * 8 + 64));
  for (int32_t id = 0; id < vocab.size(); ++id) {
    uint64_t hash = 0;
    if (!vocab.has(id)) continue;
    for (const char c : vocab.text(id)) {
      hash = extend(hash, c);
      prefixes_[hash & (prefixes_.size() - 1)] = true;
    }
  }
  for (size_t byte = 0; byte < 256; ++byte)
    byte_tokens_[byte] = vocab.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
}

void Unigram::append_unknown(std::string_view text, std::vector<int32_t>& out) const {
  const auto token = [&](char c) { return byte_tokens_[static_cast<uint8_t>(c)]; };
  if (byte_fallback_ && std::all_of(text.begin(), text.end(), [&](char c) { return token(c) >= 0; })) {
    for (const char c : text) out.push_back(token(c));
    return;
  }
  if (unknown_ < 0) fail("text: the vocabulary has no token for {} and no unknown token", quoted(text));
  out.push_back(unknown_);
}

void Unigram::encode(std::string_view piece, const Vocab& vocab, std::vector<int32_t>& out) const {
  struct Best {
    double score = 0;
    size_t from = SIZE_MAX;
    int32_t id = -1;
  };
  std::vector<Best> best(piece.size() + 1);
  const auto offer = [&](size_t from, size_t to, int32_t id, double score) {
    const double total = best[from].score + score;
    if (best[to].from == SIZE_MAX || total > best[to].score) best[to] = {total, from, id};
  };
  for (size_t at = 0; at < piece.size();) {
    size_t after = at;
    next_code_point(piece, after);
    bool covered = false;
    uint64_t hash = 0;
    for (size_t end = at; end < piece.size() && end - at < longest_;) {
      hash = extend(hash, piece[end++]);
      if (!prefixes_[hash & (prefixes_.size() - 1)]) break;
      const auto id = vocab.find(piece.substr(at, end - at));
      if (!id) continue;
      offer(at, end, *id, scores_[static_cast<size_t>(*id)]);
      covered = covered || end == after;
    }
    if (!covered) offer(at, after, unknown_, unknown_score_);
    at = after;
  }
  std::vector<std::pair<Span, int32_t>> path;
  for (size_t end = piece.size(); end > 0; end = best[end].from) {
    const Span span{best[end].from, end};
    // Neighbouring unknown characters are one unknown token.
    if (!path.empty() && best[end].id == unknown_ && path.back().second == unknown_)
      path.back().first.begin = span.begin;
    else
      path.push_back({span, best[end].id});
  }
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    if (it->second == unknown_)
      append_unknown(piece.substr(it->first.begin, it->first.size()), out);
    else
      out.push_back(it->second);
  }
}

}  // namespace mica::text
