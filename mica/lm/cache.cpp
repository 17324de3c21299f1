#include "mica/lm/cache.h"

#include <algorithm>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"

namespace mica::lm {
namespace {

constexpr int64_t kStep = 256;

array tokens(const array& buffer, int64_t begin, int64_t end) {
  Shape stop = buffer.shape();
  stop[2] = end;
  return slice(buffer, {0, 0, begin, 0}, stop);
}

array with_tokens(const array& buffer, const array& added, int64_t at) {
  Shape stop = buffer.shape();
  stop[2] = at + added.shape(2);
  return slice_update(buffer, added, {0, 0, at, 0}, stop);
}

}  // namespace

void KvCache::make_room(const array& keys, const array& values) {
  const int64_t added = keys.shape(2);
  // The first new query still sees window − 1 older tokens.
  const int64_t kept = window_ > 0 ? std::min(length_, window_ - 1) : length_;
  const int64_t capacity = buffers_.empty() ? 0 : buffers_[0].shape(2);
  if (length_ + added <= capacity) return;
  const int64_t wanted = (kept + added + kStep - 1) / kStep * kStep;
  std::vector<array> bigger;
  for (const array* part : {&keys, &values}) {
    Shape shape = part->shape();
    shape[2] = wanted;
    array fresh = zeros(shape, dtype_);
    const size_t index = bigger.size();
    if (kept > 0) fresh = with_tokens(fresh, tokens(buffers_[index], length_ - kept, length_), 0);
    bigger.push_back(fresh);
  }
  buffers_ = std::move(bigger);
  length_ = kept;
}

std::pair<array, array> KvCache::update(const array& keys, const array& values) {
  make_room(keys, values);
  const int64_t added = keys.shape(2);
  buffers_[0] = with_tokens(buffers_[0], astype(keys, dtype_), length_);
  buffers_[1] = with_tokens(buffers_[1], astype(values, dtype_), length_);
  length_ += added;
  offset_ += added;
  const int64_t first = window_ > 0 ? std::max<int64_t>(length_ - added - (window_ - 1), 0) : 0;
  return {tokens(buffers_[0], first, length_), tokens(buffers_[1], first, length_)};
}

bool KvCache::trim(int64_t count) {
  const int64_t remaining = offset_ - count;
  if (count < 0 || remaining < 0 || length_ < count) return false;
  // What is left must hold all that a next query sees.
  const int64_t needed = window_ > 0 ? std::min(remaining, window_ - 1) : remaining;
  if (length_ - count < needed) return false;
  length_ -= count;
  offset_ = remaining;
  return true;
}

size_t KvCache::bytes() const {
  size_t sum = 0;
  for (const array& buffer : buffers_) sum += buffer.nbytes();
  return sum;
}

PromptCache::PromptCache(const ModelDescription& model, Dtype dtype) {
  for (const LayerDescription& layer : model.layers) layers_.emplace_back(layer.attention.window, dtype);
}

bool PromptCache::trim(int64_t count) {
  // All or nothing: try on copies, which share the buffers.
  std::vector<KvCache> trimmed = layers_;
  for (KvCache& layer : trimmed) {
    if (!layer.trim(count)) return false;
  }
  layers_ = std::move(trimmed);
  return true;
}

size_t PromptCache::bytes() const {
  size_t sum = 0;
  for (const KvCache& layer : layers_) sum += layer.bytes();
  return sum;
}

std::vector<array> PromptCache::state() const {
  std::vector<array> out;
  for (const KvCache& layer : layers_) {
    for (const array& buffer : layer.buffers()) out.push_back(buffer);
  }
  return out;
}

}  // namespace mica::lm
