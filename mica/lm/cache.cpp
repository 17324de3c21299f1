#include "mica/lm/cache.h"

#include <algorithm>
#include <numeric>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/index.h"

namespace mica::lm {
namespace {

/// Tokens by which the buffers grow at least.
constexpr int64_t kStep = 256;

/// Tokens beyond its window that a layer keeps, so that a draft can be taken back.
constexpr int64_t kTakenBack = 8;

/// Tokens that a window leaves behind go by so many at a time: attention sums up blocks of that many keys, and gives
/// the same sums wherever the buffer begins.
constexpr int64_t kDropped = 128;

int64_t whole_steps(int64_t tokens) {
  return (tokens + kStep - 1) / kStep * kStep;
}

}  // namespace

KvCache::KvCache(const AttentionDescription& attention, Dtype dtype)
    : window_(attention.window),
      num_heads_(attention.num_kv_heads),
      head_dim_(attention.head_dim),
      width_(attention.head_dim),
      dtype_(dtype) {}

void KvCache::quantize(const KvFormat& format) {
  if (format_ == format) return;
  if (format_.bits != 0) fail("the cache has codes of {} bits already", format_.bits);
  for (array& buffer : buffers) buffer = quantize_kv(buffer, format);
  format_ = format;
  dtype_ = uint8;
  width_ = kv_row_bytes(format, head_dim_);
}

void KvCache::check_contents(std::span<const int64_t> offsets) const {
  const bool has_tokens = std::any_of(offsets.begin(), offsets.end(), [](int64_t offset) { return offset > 0; });
  if (buffers.empty() && has_tokens) fail("the cache has lost its contents in a step that failed");
}

void KvCache::reserve(std::span<const int64_t> offsets, int64_t count) {
  check_contents(offsets);
  if (buffers.empty()) first_.assign(offsets.size(), 0);
  int64_t longest = 0;
  for (size_t b = 0; b < offsets.size(); ++b) longest = std::max(longest, offsets[b] - first_[b]);
  if (longest + count <= capacity()) return;
  std::vector<Part> parts;
  parts.reserve(offsets.size());
  int64_t most = 0;
  for (size_t b = 0; b < offsets.size(); ++b) {
    const int64_t length = offsets[b] - first_[b];
    // The first new query still sees window − 1 older tokens.
    const int64_t left = window_ > 0 ? std::max<int64_t>(0, length - (window_ - 1) - kTakenBack) : 0;
    const int64_t dropped = left / kDropped * kDropped;
    parts.push_back({this, static_cast<int64_t>(b), dropped, length - dropped});
    most = std::max(most, length - dropped);
  }
  // A full window moves on by a step at a time; other buffers grow by a quarter, so that long texts are seldom copied.
  const int64_t needed = most + count;
  const int64_t wanted =
      window_ > 0 ? (needed < window_ ? needed : needed + kStep) : std::max(needed, capacity() * 5 / 4);
  assemble(parts, whole_steps(wanted));
}

void KvCache::rearrange(std::span<const int64_t> kept, std::span<const int64_t> offsets, const KvCache& other,
                        std::span<const int64_t> other_offsets) {
  check_contents(offsets);
  other.check_contents(other_offsets);
  std::vector<Part> parts;
  parts.reserve(kept.size() + other_offsets.size());
  int64_t longest = 0;
  const auto add = [&](const KvCache& cache, int64_t sequence, int64_t offset) {
    const int64_t length = offset - cache.first_[static_cast<size_t>(sequence)];
    parts.push_back({&cache, sequence, 0, length});
    longest = std::max(longest, length);
  };
  for (const int64_t sequence : kept) add(*this, sequence, offsets[static_cast<size_t>(sequence)]);
  for (size_t b = 0; b < other_offsets.size(); ++b) add(other, static_cast<int64_t>(b), other_offsets[b]);
  if (parts.empty()) {
    buffers.clear();
    return;
  }
  // Room that was made is kept, so that the shapes of a running batch seldom change, unless most of it would be empty.
  const int64_t most = std::max(capacity(), other.capacity());
  const int64_t wanted = whole_steps(longest);
  assemble(parts, 2 * wanted < most ? wanted : most);
}

void KvCache::assemble(const std::vector<Part>& parts, int64_t capacity) {
  std::vector<array> fresh;
  fresh.reserve(2);
  // Each has memory of its own: both are written to in place.
  for (size_t i = 0; i < 2; ++i) fresh.push_back(assembled(parts, capacity, i));
  std::vector<int64_t> first;
  first.reserve(parts.size());
  for (const Part& part : parts) first.push_back(part.cache->first_[static_cast<size_t>(part.sequence)] + part.place);
  buffers = std::move(fresh);
  first_ = std::move(first);
}

array KvCache::assembled(const std::vector<Part>& parts, int64_t capacity, size_t buffer) const {
  const auto batch = static_cast<ShapeElem>(parts.size());
  array out = zeros({batch, num_heads_, capacity, width_}, dtype_);
  for (size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    // Sequences that lie behind each other are copied together, as long as the longest of them.
    const Part& first = parts[begin];
    int64_t count = 0;
    const auto follows = [&](const Part& part, size_t distance) {
      return part.cache == first.cache && part.place == first.place &&
             part.sequence == first.sequence + static_cast<int64_t>(distance);
    };
    for (end = begin; end < parts.size() && follows(parts[end], end - begin); ++end) {
      count = std::max(count, parts[end].count);
    }
    if (count == 0) continue;
    const auto rows = static_cast<int64_t>(end - begin);
    const array old = slice(first.cache->buffers[buffer], {first.sequence, 0, first.place, 0},
                            {first.sequence + rows, num_heads_, first.place + count, width_});
    out = slice_update(out, old, {static_cast<ShapeElem>(begin), 0, 0, 0},
                       {static_cast<ShapeElem>(end), num_heads_, count, width_});
  }
  return out;
}

bool KvCache::can_trim(size_t sequence, int64_t offset) const {
  const int64_t needed = window_ > 0 ? std::max<int64_t>(0, offset - (window_ - 1)) : 0;
  return buffers.empty() || first_[sequence] <= needed;
}

bool KvCache::is_like(const KvCache& other) const {
  return window_ == other.window_ && num_heads_ == other.num_heads_ && head_dim_ == other.head_dim_ &&
         dtype_ == other.dtype_ && format_ == other.format_;
}

size_t KvCache::bytes() const {
  size_t sum = 0;
  for (const array& buffer : buffers) sum += buffer.nbytes();
  return sum;
}

PromptCache::PromptCache(const ModelDescription& model, Dtype dtype, const KvOptions& kv) : kv_(kv) {
  if (kv.format.bits != 0) check_kv_format(kv.format, "cache");
  for (const LayerDescription& layer : model.layers) layers_.emplace_back(layer.attention, dtype);
}

int64_t PromptCache::offset() const {
  return offsets_.empty() ? 0 : *std::max_element(offsets_.begin(), offsets_.end());
}

void PromptCache::reserve(int64_t batch, int64_t count) {
  if (offsets_.empty()) offsets_.assign(static_cast<size_t>(batch), 0);
  if (batch != this->batch()) fail("the cache holds {} sequences, the step has {}", this->batch(), batch);
  if (kv_.format.bits != 0 && offset() >= kv_.start) quantize();
  for (KvCache& layer : layers_) layer.reserve(offsets_, count);
}

void PromptCache::quantize() {
  for (KvCache& layer : layers_) layer.quantize(kv_.format);
}

void PromptCache::advance(std::span<const int64_t> counts) {
  for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += counts[i];
}

bool PromptCache::trim(int64_t count) {
  if (count < 0) return false;
  for (size_t b = 0; b < offsets_.size(); ++b) {
    if (offsets_[b] < count) return false;
    for (const KvCache& layer : layers_) {
      if (!layer.can_trim(b, offsets_[b] - count)) return false;
    }
  }
  if (offsets_.empty()) return count == 0;
  for (int64_t& offset : offsets_) offset -= count;
  return true;
}

void PromptCache::keep(std::span<const int64_t> sequences) {
  std::vector<int64_t> offsets;
  offsets.reserve(sequences.size());
  for (const int64_t sequence : sequences) {
    if (sequence < 0 || sequence >= batch()) fail("the cache has {} sequences, none has number {}", batch(), sequence);
    offsets.push_back(offsets_[static_cast<size_t>(sequence)]);
  }
  for (KvCache& layer : layers_) layer.rearrange(sequences, offsets_, layer, {});
  offsets_ = std::move(offsets);
}

void PromptCache::append(const PromptCache& other) {
  if (other.is_quantized()) quantize();
  if (is_quantized() && !other.is_quantized()) {
    PromptCache codes = other;
    codes.quantize();
    if (codes.is_quantized()) return append(codes);
  }
  const auto alike = [](const KvCache& a, const KvCache& b) { return a.is_like(b); };
  if (!std::equal(layers_.begin(), layers_.end(), other.layers_.begin(), other.layers_.end(), alike)) {
    fail("the caches are those of different models");
  }
  if (other.offsets_.empty()) return;
  if (offsets_.empty()) {
    *this = other;
    return;
  }
  std::vector<int64_t> all(offsets_.size());
  std::iota(all.begin(), all.end(), 0);
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].rearrange(all, offsets_, other.layers_[i], other.offsets_);
  }
  const std::vector<int64_t> added = other.offsets_;
  offsets_.insert(offsets_.end(), added.begin(), added.end());
}

size_t PromptCache::bytes() const {
  size_t sum = 0;
  for (const KvCache& layer : layers_) sum += layer.bytes();
  return sum;
}

std::vector<array> PromptCache::state() const {
  std::vector<array> out;
  for (const KvCache& layer : layers_) out.insert(out.end(), layer.buffers.begin(), layer.buffers.end());
  return out;
}

}  // namespace mica::lm
