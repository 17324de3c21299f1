#include "mica/lm/cache.h"

#include <algorithm>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/index.h"

namespace mica::lm {
namespace {

/// Tokens by which the buffers grow at least.
constexpr int64_t kStep = 256;

/// The buffer with tokens first … first + kept − 1 of another in front.
array with_tokens(const array& fresh, const array& old, int64_t first, int64_t kept) {
  Shape stop = old.shape();
  stop[2] = first + kept;
  Shape end = stop;
  end[2] = kept;
  return slice_update(fresh, slice(old, {0, 0, first, 0}, stop), {0, 0, 0, 0}, end);
}

}  // namespace

KvCache::KvCache(const AttentionDescription& attention, Dtype dtype)
    : window_(attention.window), num_heads_(attention.num_kv_heads), head_dim_(attention.head_dim), dtype_(dtype) {}

void KvCache::reserve(int64_t batch, int64_t offset, int64_t count, bool may_drop) {
  const int64_t length = offset - first_;
  if (buffers.empty() && length > 0) fail("the cache has lost its contents in a step that failed");
  const int64_t capacity = buffers.empty() ? 0 : buffers[0].shape(2);
  if (length + count <= capacity) return;
  const bool drops = window_ > 0 && may_drop;
  // The first new query still sees window − 1 older tokens.
  const int64_t kept = drops ? std::min(length, window_ - 1) : length;
  // A full window moves on by a step at a time; other buffers grow by a quarter, so that long texts are seldom copied.
  const int64_t needed = kept + count;
  const int64_t wanted = drops ? (needed < window_ ? needed : needed + kStep) : std::max(needed, capacity * 5 / 4);
  const Shape shape = {batch, num_heads_, (wanted + kStep - 1) / kStep * kStep, head_dim_};
  std::vector<array> bigger;
  for (size_t i = 0; i < 2; ++i) {
    // Each has memory of its own: both are written to in place.
    const array fresh = zeros(shape, dtype_);
    bigger.push_back(kept > 0 ? with_tokens(fresh, buffers[i], length - kept, kept) : fresh);
  }
  buffers = std::move(bigger);
  first_ += length - kept;
}

bool KvCache::can_trim(int64_t offset) const {
  const int64_t needed = window_ > 0 ? std::max<int64_t>(0, offset - (window_ - 1)) : 0;
  return first_ <= needed;
}

size_t KvCache::bytes() const {
  size_t sum = 0;
  for (const array& buffer : buffers) sum += buffer.nbytes();
  return sum;
}

PromptCache::PromptCache(const ModelDescription& model, Dtype dtype) {
  for (const LayerDescription& layer : model.layers) layers_.emplace_back(layer.attention, dtype);
}

int64_t PromptCache::offset() const {
  return offsets_.empty() ? 0 : *std::max_element(offsets_.begin(), offsets_.end());
}

bool PromptCache::is_even() const {
  return std::all_of(offsets_.begin(), offsets_.end(), [&](int64_t offset) { return offset == offsets_[0]; });
}

void PromptCache::reserve(int64_t batch, int64_t count) {
  if (offsets_.empty()) offsets_.assign(static_cast<size_t>(batch), 0);
  if (batch != this->batch()) fail("the cache holds {} sequences, the step has {}", this->batch(), batch);
  const bool may_drop = is_even();
  for (KvCache& layer : layers_) layer.reserve(batch, offset(), count, may_drop);
}

void PromptCache::advance(std::span<const int64_t> counts) {
  for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += counts[i];
}

bool PromptCache::trim(int64_t count) {
  if (count < 0) return false;
  for (const int64_t offset : offsets_) {
    if (offset < count) return false;
    for (const KvCache& layer : layers_) {
      if (!layer.can_trim(offset - count)) return false;
    }
  }
  if (offsets_.empty()) return count == 0;
  for (int64_t& offset : offsets_) offset -= count;
  return true;
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
