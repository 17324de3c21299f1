// Caches of keys and values: writing to them, and attention over them.
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/base/small_vector.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/attention.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/cache_places.h"
#include "mica/cpu/copy.h"
#include "mica/cpu/kernels/attention_kernels.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/rotate.h"
#include "mica/cpu/workspace.h"
#include "mica/ops/fast.h"

namespace mica::cpu {
namespace {

/// `count` elements, `stride` apart, as those of another dtype.
void convert_row(const std::byte* from, Dtype from_dtype, int64_t stride, std::byte* to, Dtype to_dtype,
                 int64_t count) {
  Block loaded;
  Block stored;
  for (int64_t i = 0; i < count; i += kBlock) {
    const int64_t n = std::min(kBlock, count - i);
    const std::byte* source = from + i * stride * static_cast<int64_t>(size_of(from_dtype));
    const void* x = load_block(source, from_dtype, stride, n, loaded);
    std::byte* target = to + i * static_cast<int64_t>(size_of(to_dtype));
    void* y = block_target(target, to_dtype, stored);
    convert_block(x, compute_type(from_dtype), y, compute_type(to_dtype), n);
    if (y == stored.bytes) store_block(y, target, to_dtype, n);
  }
}

using QuantizeKernel = void (*)(const KvCodeRow&);

QuantizeKernel quantize_kernel() {
  const Isa isa = active_isa();
  if (isa >= Isa::avx512) return avx512::kv_quantize;
  return isa == Isa::avx2 ? avx2::kv_quantize : reference::kv_quantize;
}

/// A cache that is about to be written to: the input's own memory where nobody else holds it, else a copy.
class CacheWriter {
 public:
  CacheWriter(array& buffer, array& out, const CachePlaces& places) : out_(out), places_(places) {
    start_from(buffer, out);
  }

  /// Row `row` of a head of entry b.
  void put(int64_t b, int64_t head, int64_t row, const std::byte* from, Dtype dtype, int64_t stride) const {
    convert_row(from, dtype, stride, place(b, head, row), out_.dtype(), out_.shape(3));
  }
  void put(int64_t b, int64_t head, int64_t row, const float* from) const {
    put(b, head, row, reinterpret_cast<const std::byte*>(from), float32, 1);
  }
  /// The same as codes of `dim` elements.
  void put_codes(int64_t b, int64_t head, int64_t row, const float* from, int64_t dim, const KvFormat& format) const {
    quantize_kernel()(
        {.x = from, .dim = dim, .bits = format.bits, .group = format.group_size, .out = place(b, head, row)});
  }

 private:
  std::byte* place(int64_t b, int64_t head, int64_t row) const {
    const KvPages::Place at = places_.place(b, row);
    const int64_t offset = at.entry * out_.strides(0) + head * out_.strides(1) + at.row * out_.strides(2);
    return out_.data<std::byte>() + offset * static_cast<int64_t>(out_.itemsize());
  }

  array& out_;
  const CachePlaces& places_;
};

void put_rows(const PutRows&, std::span<array> inputs, std::span<array> outputs) {
  const array& rows = inputs[1];
  const int64_t heads = rows.shape(1);
  const int64_t count = rows.shape(2);
  const CachePlaces places(inputs[0], inputs[2], inputs.size() > 3 ? &inputs[3] : nullptr, count, 0, "put_rows");
  const CacheWriter cache(inputs[0], outputs[0], places);
  // A row is a few hundred bytes: a thread takes a few hundred of them.
  ThreadPool::global().parallel_for(rows.shape(0) * heads * count, 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / (heads * count);
      const int64_t head = i / count % heads;
      const int64_t row = i % count;
      const int64_t from = b * rows.strides(0) + head * rows.strides(1) + row * rows.strides(2);
      cache.put(b, head, row, rows.data<std::byte>() + from * static_cast<int64_t>(rows.itemsize()), rows.dtype(),
                rows.strides(3));
    }
  });
}

/// How many keys before its own the first new query sees.
int64_t keys_before(const CachedAttentionOptions& options) {
  return options.attention.window > 0 ? options.attention.window - 1 : std::numeric_limits<int64_t>::max();
}

/// The inputs of a CachedAttention in C order, and its caches with the step's keys and values.
class CachedStep {
 public:
  CachedStep(const CachedAttention& primitive, std::span<array> inputs, std::span<array> outputs)
      : options_(primitive.options),
        q_(row_contiguous(inputs[0])),
        k_(row_contiguous(inputs[1])),
        v_(row_contiguous(inputs[2])),
        turns_(primitive.turns),
        cosine_(turns_ ? row_contiguous(inputs[primitive.angle_input()]) : q_),
        sine_(turns_ ? row_contiguous(inputs[primitive.angle_input() + 1]) : q_),
        queries_(q_.shape(1)),
        length_(k_.shape(1)),
        dim_(q_.shape(2) / options_.num_heads),
        value_dim_(v_.shape(2) / options_.num_kv_heads),
        places_(inputs[3], inputs[5], primitive.has_pages ? &inputs[6] : nullptr, length_, keys_before(options_),
                "cached_attention"),
        query_places_(checked(inputs[primitive.has_query_places ? primitive.query_places_input() : 5])),
        keys_(inputs[3], outputs[1], places_),
        values_(inputs[4], outputs[2], places_) {}

  /// Writes keys and values to the caches, and the queries, turned, to `turned` if they turn. Returns the queries.
  const float* put(Workspace<float>& turned) const {
    if (turns_) turned.reserve(static_cast<int64_t>(q_.size()));
    float* queries = turns_ ? turned.data() : nullptr;
    // A token is a few thousand numbers to be moved: some microseconds.
    ThreadPool::global().parallel_for(batch() * length_, 4, [&](int64_t begin, int64_t end) {
      SmallVector<float, 256> key(static_cast<size_t>(dim_));
      for (int64_t token = begin; token < end; ++token) put_token(token, queries, key.data());
    });
    return turns_ ? queries : q_.data<float>();
  }

  int64_t batch() const { return q_.shape(0); }
  int64_t queries() const { return queries_; }
  /// Places of the first query of every sequence.
  const int32_t* query_starts() const { return query_places_.data<int32_t>(); }
  int64_t dim() const { return dim_; }
  int64_t value_dim() const { return value_dim_; }
  const CachePlaces& places() const { return places_; }

 private:
  /// The queries stand among the new keys.
  array checked(const array& query_places) const {
    array out = row_contiguous(query_places);
    for (int64_t b = 0; b < batch(); ++b) {
      const int64_t place = out.data<int32_t>()[b];
      const int64_t first = places_.starts()[b];
      if (place >= first && place + queries_ <= first + length_) continue;
      fail_as<std::out_of_range>("[cached_attention] {} queries at place {}, with {} new keys from place {} on",
                                 queries_, place, length_, first);
    }
    return out;
  }

  /// `turned_key`: memory for a key.
  void put_token(int64_t token, float* queries, float* turned_key) const {
    const int64_t b = token / length_;
    const int64_t row = token % length_;
    const int64_t half = turns_ ? cosine_.shape(-1) : 0;
    // Tables are of the positions, or of those of every entry.
    const int64_t angle = (turns_ && cosine_.ndim() == 3 ? token : row) * half;
    const auto turn = [&](const float* x, float* out) {
      rotate_row(x, cosine_.data<float>() + angle, sine_.data<float>() + angle, out, half, dim_, options_.traditional);
    };
    const int64_t query = row - first_query(b);
    const bool turns_query = turns_ && query >= 0 && query < queries_;
    for (int64_t head = 0; turns_query && head < options_.num_heads; ++head) {
      const int64_t at = ((b * queries_ + query) * options_.num_heads + head) * dim_;
      turn(q_.data<float>() + at, queries + at);
    }
    for (int64_t head = 0; head < options_.num_kv_heads; ++head) {
      const int64_t at = token * options_.num_kv_heads + head;
      const float* key = k_.data<float>() + at * dim_;
      if (turns_) turn(key, turned_key);
      put_row(keys_, b, head, row, turns_ ? turned_key : key, dim_);
      put_row(values_, b, head, row, v_.data<float>() + at * value_dim_, value_dim_);
    }
  }

  /// The new key of a sequence at whose place its first query stands.
  int64_t first_query(int64_t b) const { return int64_t{query_starts()[b]} - places_.starts()[b]; }

  void put_row(const CacheWriter& cache, int64_t b, int64_t head, int64_t row, const float* from, int64_t dim) const {
    if (options_.kv.bits != 0) return cache.put_codes(b, head, row, from, dim, options_.kv);
    cache.put(b, head, row, from);
  }

  const CachedAttentionOptions& options_;
  array q_, k_, v_;
  bool turns_;
  array cosine_, sine_;
  int64_t queries_;
  int64_t length_;  ///< new keys
  int64_t dim_;
  int64_t value_dim_;
  CachePlaces places_;
  array query_places_;
  CacheWriter keys_;
  CacheWriter values_;
};

void cached_attention(const CachedAttention& primitive, std::span<array> inputs, std::span<array> outputs) {
  const CachedAttentionOptions& options = primitive.options;
  array& out = outputs[0];
  allocate(out);
  const CachedStep step(primitive, inputs, outputs);
  // Decode steps find the memory of the last one; a long prompt's goes with it.
  thread_local Workspace<float> kept;
  Workspace<float> fresh;
  const float* q = step.put(step.queries() == 1 ? kept : fresh);
  if (out.size() == 0) return;

  const array& keys = outputs[1];
  const array& values = outputs[2];
  AttentionArgs args;
  args.batch = step.batch();
  args.heads = options.num_heads;
  args.kv_heads = options.num_kv_heads;
  args.queries = step.queries();
  args.keys = step.places().capacity();
  args.dim = step.dim();
  args.value_dim = step.value_dim();
  const int64_t q_row = args.heads * args.dim;
  const int64_t out_row = args.heads * args.value_dim;
  args.q = {q, args.queries * q_row, args.dim, q_row};
  args.k = {keys.data<std::byte>(), keys.strides(0), keys.strides(1), keys.strides(2)};
  args.v = {values.data<std::byte>(), values.strides(0), values.strides(1), values.strides(2)};
  args.out = {out.data<float>(), args.queries * out_row, args.value_dim, out_row};
  args.kv_type = options.kv.bits == 0 ? kv_type(keys.dtype()) : options.kv.bits == 8 ? KvType::q8 : KvType::q4;
  args.kv_group = options.kv.group_size;
  args.scale = options.attention.scale;
  args.softcap = options.attention.softcap;
  args.causal = options.attention.causal;
  args.window = options.attention.window;
  args.offsets = step.query_starts();
  args.pages = step.places().pages();
  attention(args, ThreadPool::global());
}

}  // namespace

void register_kv_cache(Backend& backend) {
  backend.add<PutRows, put_rows>();
  backend.add<CachedAttention, cached_attention>();
}

}  // namespace mica::cpu
