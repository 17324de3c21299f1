#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/description.h"

namespace mica::lm {

/// Keys and values of one layer for a batch of sequences: two buffers [B, kv_heads, capacity, head_dim]. Memory grows
/// in steps; a layer with a sliding window keeps what its window can still reach and little more.
class KvCache {
 public:
  /// `dtype` of keys and values: float16, bfloat16 or float32.
  KvCache(const AttentionDescription& attention, Dtype dtype);

  /// Makes room for `count` tokens behind the first `offset` of every sequence. With `may_drop`, the offset is that of
  /// all of them, and what the window has left behind is dropped.
  void reserve(int64_t batch, int64_t offset, int64_t count, bool may_drop);

  /// Number of the token that stands in the first place of the buffers.
  int64_t first() const { return first_; }

  /// Whether the cache can go back to the first `offset` tokens: a window may have dropped what the next one sees.
  bool can_trim(int64_t offset) const;

  size_t bytes() const;

  /// Keys and values as they lie in memory; empty before the first reserve. Whoever computes new ones takes these out,
  /// so that nobody else holds them, and puts the new ones in.
  std::vector<array> buffers;

 private:
  int64_t window_;
  int64_t num_heads_;
  int64_t head_dim_;
  Dtype dtype_;
  int64_t first_ = 0;
};

/// The caches of all layers of a model, for one sequence or a batch of sequences of different lengths.
class PromptCache {
 public:
  explicit PromptCache(const ModelDescription& model, Dtype dtype = float16);

  /// Sequences; 0 before the first step.
  int64_t batch() const { return static_cast<int64_t>(offsets_.size()); }
  /// Tokens seen so far by the longest sequence, dropped ones included.
  int64_t offset() const;
  /// The same for each sequence.
  std::span<const int64_t> offsets() const { return offsets_; }
  /// Whether all sequences have the same offset.
  bool is_even() const;

  std::span<KvCache> layers() { return layers_; }

  /// Makes room for `count` more tokens of each of `batch` sequences. A batch of another size than before throws Error.
  void reserve(int64_t batch, int64_t count);
  /// Counts tokens that were added to each sequence.
  void advance(std::span<const int64_t> counts);
  /// Forgets the last `count` tokens of every sequence; false (and nothing happens) when a window has dropped what
  /// would be needed, or there are not so many.
  bool trim(int64_t count);

  size_t bytes() const;
  /// The buffers, for evaluation between chunks of a prompt.
  std::vector<array> state() const;

 private:
  std::vector<int64_t> offsets_;
  std::vector<KvCache> layers_;
};

}  // namespace mica::lm
