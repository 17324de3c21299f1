#include "mica/text/encoder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/byte_level.h"
#include "mica/text/string_hash.h"

namespace mica::text {
namespace {

constexpr size_t max_text_bytes = size_t{1} << 30;

// Sorted and without overlaps; spans past the end are cut off.
std::vector<Span> merged_spans(std::span<const Span> spans, size_t size) {
  std::vector<Span> sorted;
  for (const Span& span : spans) {
    const Span inside{std::min(span.begin, size), std::min(span.end, size)};
    if (inside.begin < inside.end) sorted.push_back(inside);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::vector<Span> out;
  for (const Span& span : sorted) {
    if (!out.empty() && span.begin <= out.back().end)
      out.back().end = std::max(out.back().end, span.end);
    else
      out.push_back(span);
  }
  return out;
}

// Makes the text valid UTF-8 and moves the spans along. A span that cuts through a character is widened to hold it.
std::string repaired(std::string_view text, std::vector<Span>& spans) {
  std::string out;
  size_t next_begin = 0;
  size_t next_end = 0;
  std::vector<Span> moved = spans;
  for (size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    for (; next_begin < spans.size() && spans[next_begin].begin < at + c.length; ++next_begin)
      moved[next_begin].begin = out.size();
    append_utf8(out, c.point);
    for (; next_end < spans.size() && spans[next_end].end <= at + c.length; ++next_end)
      moved[next_end].end = out.size();
    at += c.length;
  }
  spans = std::move(moved);
  return out;
}

}  // namespace

std::vector<int32_t> Encoder::encode(std::string_view text, const EncodeOptions& options) {
  if (text.size() > max_text_bytes)
    fail("text: {} bytes are more than the {} that can be tokenized at once", text.size(), max_text_bytes);
  std::vector<Span> untrusted = merged_spans(options.untrusted, text.size());
  std::string valid;
  if (!is_utf8(text)) {
    valid = repaired(text, untrusted);
    text = valid;
  }
  if (options.add_special) out_ = data_.pipeline.prefix;
  out_.reserve(out_.size() + text.size() / 3 + 8);
  const AddedTokenFilter filter{options.parse_special, untrusted, false};
  for (const Segment& segment : data_.raw_tokens.split(text, filter)) {
    if (segment.id >= 0)
      out_.push_back(segment.id);
    else
      encode_segment(text, segment.span, segment.span.begin == 0, filter);
  }
  if (options.add_special) out_.insert(out_.end(), data_.pipeline.suffix.begin(), data_.pipeline.suffix.end());
  return std::move(out_);
}

void Encoder::encode_segment(std::string_view text, Span segment, bool at_start, const AddedTokenFilter& filter) {
  std::string_view part = text.substr(segment.begin, segment.size());
  std::string normal;
  if (!data_.pipeline.normalizers.empty()) {
    normal = run_normalizers(data_.pipeline.normalizers, part);
    part = normal;
  }
  if (data_.normalized_tokens.empty()) return encode_normalized(part, at_start);
  // Normalizing loses track of where the user's bytes went: then none of the segment is trusted.
  AddedTokenFilter inner{filter.special, {}, false};
  std::vector<Span> moved;
  for (const Span& span : filter.untrusted) {
    if (span.end <= segment.begin || span.begin >= segment.end) continue;
    if (!data_.pipeline.normalizers.empty()) inner.all_untrusted = true;
    moved.push_back(
        {std::max(span.begin, segment.begin) - segment.begin, std::min(span.end, segment.end) - segment.begin});
  }
  if (!inner.all_untrusted) inner.untrusted = moved;
  for (const Segment& found : data_.normalized_tokens.split(part, inner)) {
    if (found.id >= 0)
      out_.push_back(found.id);
    else
      encode_normalized(part.substr(found.span.begin, found.span.size()), at_start && found.span.begin == 0);
  }
}

void Encoder::encode_normalized(std::string_view text, bool at_start) {
  if (text.empty()) return;
  if (data_.pipeline.pre_tokenizers.empty()) return encode_whole(text);
  Pieces pieces{std::string(text), {{0, text.size()}}, at_start};
  run_pre_tokenizers(data_.pipeline.pre_tokenizers, pieces);
  for (const Span& span : pieces.spans) encode_piece(std::string_view(pieces.text).substr(span.begin, span.size()));
}

// Text that no pre-tokenizer cuts, which would be one long piece.
void Encoder::encode_whole(std::string_view text) {
  const auto* bpe = std::get_if<Bpe>(&data_.model);
  if (bpe == nullptr || !bpe->words_begin_at_spaces()) return encode_piece(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(next_word(text, begin), text.size());
    encode_piece(text.substr(begin, end - begin));
    begin = end;
  }
}

void Encoder::encode_piece(std::string_view piece) {
  if (data_.unmap_pieces) {
    bytes_.clear();
    // Only characters of the alphabet can be here; others would not be in the vocabulary.
    if (!append_from_byte_alphabet(piece, bytes_)) bytes_ = piece;
    piece = bytes_;
  }
  const uint64_t hash = hash_string(piece);
  const auto known = cache_.find(piece, hash);
  if (!known.empty()) {
    out_.insert(out_.end(), known.begin(), known.end());
    return;
  }
  const size_t start = out_.size();
  if (const auto* bpe = std::get_if<Bpe>(&data_.model))
    bpe->encode(piece, data_.vocab, out_);
  else if (const auto* wordpiece = std::get_if<WordPiece>(&data_.model))
    wordpiece->encode(piece, data_.vocab, out_);
  else
    std::get<Unigram>(data_.model).encode(piece, data_.vocab, out_);
  cache_.insert(piece, hash, std::span(out_).subspan(start));
}

}  // namespace mica::text
