#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/description.h"

namespace mica::lm {

/// Keys and values of one layer, [B, kv_heads, T, D]. Memory grows in steps of 256 tokens; a layer with a sliding
/// window keeps what its window can still reach and little more.
class KvCache {
 public:
  /// window 0: everything is kept.
  explicit KvCache(int64_t window = 0, Dtype dtype = float16) : window_(window), dtype_(dtype) {}

  /// Appends [B, kv_heads, N, D] and returns all keys and values that the new queries may see.
  std::pair<array, array> update(const array& keys, const array& values);

  /// Tokens seen so far, dropped ones included.
  int64_t offset() const { return offset_; }

  /// Forgets the last `count` tokens; false (and nothing happens) when a window has dropped what would be needed.
  bool trim(int64_t count);

  size_t bytes() const;
  /// Keys and values as they lie in memory; empty before the first update.
  const std::vector<array>& buffers() const { return buffers_; }

 private:
  void make_room(const array& keys, const array& values);

  int64_t window_;
  Dtype dtype_;
  int64_t offset_ = 0;
  int64_t length_ = 0;          ///< tokens in the buffers, in their order
  std::vector<array> buffers_;  ///< keys, values; [B, kv_heads, capacity, D]
};

/// The caches of all layers of a model.
class PromptCache {
 public:
  /// `dtype` of keys and values: float16, bfloat16 or float32.
  explicit PromptCache(const ModelDescription& model, Dtype dtype = float16);

  KvCache& layer(size_t index) { return layers_[index]; }
  int64_t offset() const { return layers_.empty() ? 0 : layers_[0].offset(); }
  bool trim(int64_t count);
  size_t bytes() const;
  /// The buffers, for evaluation between chunks of a prompt.
  std::vector<array> state() const;

 private:
  std::vector<KvCache> layers_;
};

}  // namespace mica::lm
