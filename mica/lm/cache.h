#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/description.h"
#include "mica/ops/kv_format.h"

namespace mica::lm {

/// How a cache is to be stored.
struct KvOptions {
  KvFormat format = {};  ///< with bits: as codes
  int64_t start = 0;     ///< once a sequence has that many tokens; before that as numbers
};

/// Keys and values of one layer for a batch of sequences: two buffers [B, kv_heads, capacity, head_dim]. Memory grows
/// in steps; a layer with a sliding window keeps what its window can still reach and little more, for each sequence.
class KvCache {
 public:
  /// `dtype` of keys and values: float16, bfloat16 or float32.
  KvCache(const AttentionDescription& attention, Dtype dtype);

  /// Makes room for `count` tokens behind the first offsets[b] of every sequence b. What a window has left behind may
  /// be dropped.
  void reserve(std::span<const int64_t> offsets, int64_t count);

  /// Stores keys and values as codes from now on, those that are there, too.
  void quantize(const KvFormat& format);

  bool is_quantized() const { return format_.bits != 0; }

  /// Number of the token that stands in the first place of a sequence.
  int64_t first(size_t sequence) const { return first_[sequence]; }

  /// Whether a sequence can go back to its first `offset` tokens: a window may have dropped what the next one sees.
  bool can_trim(size_t sequence, int64_t offset) const;

  /// The sequences `kept` of this cache, then those of `other`; offsets and other_offsets are how many tokens each of
  /// the two has seen.
  void rearrange(std::span<const int64_t> kept, std::span<const int64_t> offsets, const KvCache& other,
                 std::span<const int64_t> other_offsets);

  /// Whether keys and values have the same shape, dtype and format in another cache.
  bool is_like(const KvCache& other) const;

  size_t bytes() const;

  /// Keys and values as they lie in memory; empty before the first reserve. Whoever computes new ones takes these out,
  /// so that nobody else holds them, and puts the new ones in.
  std::vector<array> buffers;

 private:
  /// Tokens of one sequence, in its first places or from a later one on.
  struct Part {
    const KvCache* cache;
    int64_t sequence;
    int64_t place;
    int64_t count;
  };
  void check_contents(std::span<const int64_t> offsets) const;
  int64_t capacity() const { return buffers.empty() ? 0 : buffers[0].shape(2); }
  void assemble(const std::vector<Part>& parts, int64_t capacity);
  array assembled(const std::vector<Part>& parts, int64_t capacity, size_t buffer) const;

  int64_t window_;
  int64_t num_heads_;
  int64_t head_dim_;
  int64_t width_;  ///< of a row of the buffers
  Dtype dtype_;
  KvFormat format_;
  std::vector<int64_t> first_;  ///< of every sequence
};

/// The caches of all layers of a model, for one sequence or a batch of sequences of different lengths.
class PromptCache {
 public:
  explicit PromptCache(const ModelDescription& model, Dtype dtype = float16, const KvOptions& kv = {});

  /// Sequences; 0 before the first step.
  int64_t batch() const { return static_cast<int64_t>(offsets_.size()); }
  /// Tokens seen so far by the longest sequence, dropped ones included.
  int64_t offset() const;
  /// The same for each sequence.
  std::span<const int64_t> offsets() const { return offsets_; }

  std::span<KvCache> layers() { return layers_; }

  /// Makes room for `count` more tokens of each of `batch` sequences. A batch of another size than before throws Error.
  void reserve(int64_t batch, int64_t count);
  /// Counts tokens that were added to each sequence.
  void advance(std::span<const int64_t> counts);
  /// Forgets the last `count` tokens of every sequence; false (and nothing happens) when a window has dropped what
  /// would be needed, or there are not so many.
  bool trim(int64_t count);

  /// Leaves the sequences with these numbers, in this order, and forgets the others; none: the cache is as new. A
  /// number that comes twice makes two of one. Throws Error for a number that is not there.
  void keep(std::span<const int64_t> sequences);
  /// Adds the sequences of another cache of the same model behind the own ones; if one of the two has codes, all do.
  /// Throws Error for that of another one.
  void append(const PromptCache& other);

  size_t bytes() const;
  /// The buffers, for evaluation between chunks of a prompt.
  std::vector<array> state() const;

 private:
  bool is_quantized() const { return !layers_.empty() && layers_[0].is_quantized(); }
  void quantize();

  KvOptions kv_;
  std::vector<int64_t> offsets_;
  std::vector<KvCache> layers_;
};

}  // namespace mica::lm
