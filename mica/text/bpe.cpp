#include "mica/text/bpe.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"

namespace mica::text {
namespace {

constexpr std::string_view meta_space = "▁";
constexpr size_t max_piece_bytes = std::numeric_limits<int32_t>::max();

// Dense ranks: 0 for the highest score, equal ones for equal scores.
std::vector<uint32_t> ranks_of(const std::vector<float>& scores) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  std::vector<uint32_t> ranks(scores.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const bool tied = i > 0 && scores[order[i]] == scores[order[i - 1]];
    ranks[order[i]] = tied ? ranks[order[i - 1]] : static_cast<uint32_t>(i);
  }
  return ranks;
}

}  // namespace

size_t next_word(std::string_view text, size_t from) {
  for (size_t at = text.find(meta_space, from + 1); at != std::string_view::npos; at = text.find(meta_space, at + 1)) {
    if (!text.substr(0, at).ends_with(meta_space)) return at;
  }
  return std::string_view::npos;
}

// The merging of one piece: a heap of possible merges, some of them outdated by earlier ones.
class Bpe::Merging {
 public:
  Merging(const Bpe& bpe, std::string_view piece, const Vocab& vocab, std::vector<Symbol>& symbols)
      : bpe_(bpe), piece_(piece), vocab_(vocab), symbols_(symbols) {}

  void run() {
    constexpr size_t few = 24;
    if (symbols_.size() <= few) return scan();
    heap_.reserve(symbols_.size());
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) offer(static_cast<int32_t>(i));
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Candidate top = heap_.back();
      heap_.pop_back();
      Symbol& left = symbols_[static_cast<size_t>(top.at)];
      if (left.length == 0 || left.next < 0) continue;
      Symbol& right = symbols_[static_cast<size_t>(left.next)];
      // A pair that has changed since forms a longer string.
      if (left.length + right.length != top.length) continue;
      merge(left, right, top.id);
      if (left.next >= 0) symbols_[static_cast<size_t>(left.next)].previous = top.at;
      if (left.previous >= 0) offer(left.previous);
      offer(top.at);
    }
  }

 private:
  struct Candidate {
    uint32_t rank;
    int32_t at;
    int32_t id;
    uint32_t length;
  };
  static bool later(const Candidate& a, const Candidate& b) { return a.rank != b.rank ? a.rank > b.rank : a.at > b.at; }
  static constexpr uint32_t never = UINT32_MAX;

  MergeTable::Merge find(const Symbol& left, const Symbol& right) const {
    if (bpe_.score_ranks_.empty()) {
      const auto* found = bpe_.merges_.find(left.id, right.id);
      return found != nullptr ? *found : MergeTable::Merge{never, -1};
    }
    const auto found = vocab_.find(piece_.substr(left.begin, left.length + right.length));
    if (!found) return {never, -1};
    return {bpe_.score_ranks_[static_cast<size_t>(*found)], *found};
  }

  void offer(int32_t at) {
    const Symbol& left = symbols_[static_cast<size_t>(at)];
    if (left.next < 0) return;
    const Symbol& right = symbols_[static_cast<size_t>(left.next)];
    const auto found = find(left, right);
    if (found.rank == never) return;
    heap_.push_back({found.rank, at, found.id, left.length + right.length});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  static void merge(Symbol& left, Symbol& right, int32_t id) {
    left.id = id;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
  }

  // The same for a short piece, without a heap: looks for the best pair anew after every merge.
  void scan() {
    std::vector<MergeTable::Merge> best(symbols_.size(), {never, -1});
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) best[i] = find(symbols_[i], symbols_[i + 1]);
    while (symbols_.size() > 1) {
      const auto it =
          std::min_element(best.begin(), best.end() - 1, [](const auto& a, const auto& b) { return a.rank < b.rank; });
      if (it->rank == never) return;
      const auto at = static_cast<size_t>(it - best.begin());
      symbols_[at].id = it->id;
      symbols_[at].length += symbols_[at + 1].length;
      symbols_.erase(symbols_.begin() + static_cast<ptrdiff_t>(at) + 1);
      best.erase(best.begin() + static_cast<ptrdiff_t>(at) + 1);
      best[at] = {never, -1};
      if (at + 1 < symbols_.size()) best[at] = find(symbols_[at], symbols_[at + 1]);
      if (at > 0) best[at - 1] = find(symbols_[at - 1], symbols_[at]);
    }
  }

  const Bpe& bpe_;
  std::string_view piece_;
  const Vocab& vocab_;
  std::vector<Symbol>& symbols_;
  std::vector<Candidate> heap_;
};

Bpe::Bpe(Options options, const Vocab& vocab, MergeTable merges)
    : options_(std::move(options)), merges_(std::move(merges)) {
  find_base_tokens(vocab);
}

Bpe::Bpe(Options options, const Vocab& vocab, const std::vector<float>& scores)
    : options_(std::move(options)), score_ranks_(ranks_of(scores)) {
  if (scores.size() != static_cast<size_t>(vocab.size()) || scores.empty()) {
    fail("vocabulary: {} scores for {} tokens", scores.size(), vocab.size());
  }
  find_base_tokens(vocab);
}

void Bpe::find_base_tokens(const Vocab& vocab) {
  for (size_t byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const auto id = options_.bytes ? vocab.find({&c, 1}) : vocab.find(fmt::format("<0x{:02X}>", byte));
    byte_tokens_[byte] = id.value_or(-1);
  }
  if (options_.bytes || options_.ignore_merges || !options_.end_suffix.empty() || !options_.continuing_prefix.empty())
    return;
  words_begin_at_spaces_ = vocab.find(meta_space).has_value();
  for (int32_t id = 0; id < vocab.size() && words_begin_at_spaces_; ++id) {
    if (vocab.has(id) && next_word(vocab.text(id), 0) != std::string_view::npos) words_begin_at_spaces_ = false;
  }
}

void Bpe::add_unknown(std::string_view character, uint32_t begin, std::vector<Symbol>& out) const {
  const auto token = [&](char c) { return byte_tokens_[static_cast<uint8_t>(c)]; };
  if (options_.byte_fallback &&
      std::all_of(character.begin(), character.end(), [&](char c) { return token(c) >= 0; })) {
    for (const char c : character) out.push_back({token(c), begin++, 1, -1, -1});
    return;
  }
  if (options_.unknown < 0) return;
  if (options_.fuse_unknown && !out.empty() && out.back().id == options_.unknown) {
    out.back().length += static_cast<uint32_t>(character.size());
    return;
  }
  out.push_back({options_.unknown, begin, static_cast<uint32_t>(character.size()), -1, -1});
}

void Bpe::start_character(std::string_view piece, size_t begin, size_t end, const Vocab& vocab,
                          std::vector<Symbol>& out) const {
  const std::string_view character = piece.substr(begin, end - begin);
  const bool dressed =
      (begin > 0 && !options_.continuing_prefix.empty()) || (end == piece.size() && !options_.end_suffix.empty());
  std::optional<int32_t> id;
  if (dressed) {
    std::string form = begin > 0 ? options_.continuing_prefix : "";
    form += character;
    if (end == piece.size()) form += options_.end_suffix;
    id = vocab.find(form);
  } else {
    id = vocab.find(character);
  }
  if (!id) return add_unknown(character, static_cast<uint32_t>(begin), out);
  out.push_back({*id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end - begin), -1, -1});
}

std::vector<Bpe::Symbol> Bpe::start_symbols(std::string_view piece, const Vocab& vocab) const {
  std::vector<Symbol> out;
  out.reserve(piece.size());
  if (options_.bytes) {
    for (size_t i = 0; i < piece.size(); ++i) {
      const int32_t id = byte_tokens_[static_cast<uint8_t>(piece[i])];
      if (id >= 0)
        out.push_back({id, static_cast<uint32_t>(i), 1, -1, -1});
      else
        add_unknown(piece.substr(i, 1), static_cast<uint32_t>(i), out);
    }
  } else {
    for (size_t at = 0; at < piece.size();) {
      const size_t begin = at;
      next_code_point(piece, at);
      start_character(piece, begin, at, vocab, out);
    }
  }
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].previous = static_cast<int32_t>(i) - 1;
    out[i].next = i + 1 < out.size() ? static_cast<int32_t>(i) + 1 : -1;
  }
  return out;
}

void Bpe::encode(std::string_view piece, const Vocab& vocab, std::vector<int32_t>& out) const {
  if (piece.size() > max_piece_bytes) fail("text: a word of {} bytes is too long", piece.size());
  if (options_.ignore_merges) {
    if (const auto id = vocab.find(piece)) return out.push_back(*id);
  }
  std::vector<Symbol> symbols = start_symbols(piece, vocab);
  Merging(*this, piece, vocab, symbols).run();
  for (const Symbol& symbol : symbols) {
    if (symbol.length > 0) out.push_back(symbol.id);
  }
}

}  // namespace mica::text
