#pragma once

#include <cstdint>

#include "mica/array/dtype.h"
#include "mica/base/cpu_info.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/kv_pages.h"
#include "mica/cpu/kv_rows.h"

namespace mica::cpu {

/// The type of keys and values of one of these dtypes.
inline KvType kv_type(Dtype dtype) {
  return dtype == float16 ? KvType::f16 : dtype == bfloat16 ? KvType::bf16 : KvType::f32;
}

/// A [batch, heads, length, dim] view: strides in elements (bytes for codes), the last dimension contiguous.
template <typename T>
struct AttentionView {
  T* data = nullptr;
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t row_stride = 0;
};

/// Scaled dot product attention: out = softmax(scale · q · kᵀ + mask) · v for every batch and head.
/// Query head h attends with key head h / (heads / kv_heads). The output is f32. Keys and values in f32 are computed
/// with in f32; halves of many queries in 16-bit fixed point where the instruction set has it (attention_int16.h).
struct AttentionArgs {
  int64_t batch = 1;
  int64_t heads = 1;  ///< H, a multiple of kv_heads
  int64_t kv_heads = 1;
  int64_t queries = 1;    ///< L
  int64_t keys = 0;       ///< T; no keys (or all masked): the output is 0
  int64_t dim = 1;        ///< D of q and k
  int64_t value_dim = 1;  ///< D of v and out

  AttentionView<const float> q;  ///< [batch, heads, L, D]
  AttentionView<const void> k;   ///< [batch or pages, kv_heads, T or tokens of a page, D]
  AttentionView<const void> v;   ///< [batch or pages, kv_heads, T or tokens of a page, value_dim]
  AttentionView<float> out;      ///< [batch, heads, L, value_dim]
  /// With a table: T is the tokens of all of its columns; pages have a multiple of kKvPageTokens. Pages that no query
  /// sees are not looked up.
  KvPages pages;
  KvType kv_type = KvType::f32;
  int kv_group = 64;  ///< elements that share a scale, for codes

  float scale = 1.0f;
  float softcap = 0.0f;  ///< > 0: scores become softcap · tanh(score / softcap), before the mask
  bool causal = false;   ///< a query sees keys up to its own place
  int64_t window = 0;    ///< > 0: and only the last `window` of them, itself included (needs causal)
  /// [batch]: query i of entry b stands at place offsets[b] + i, and keys from offsets[b] + L on are not there. Null:
  /// the queries are the last ones, they stand at T − L + i.
  const int32_t* offsets = nullptr;
  const float* sinks = nullptr;  ///< [heads]: a logit per head that takes part in the softmax without a value

  /// Optional masks [batch, heads, L, T] with broadcast strides (0 where broadcast), in elements; at most one of them.
  const float* additive_mask = nullptr;
  const bool* bool_mask = nullptr;  ///< true: may attend
  int64_t mask_strides[4] = {0, 0, 0, 0};
};

/// Runs the attention. Few queries: heads in parallel, keys split among threads when heads are few; many: tiles of
/// queries with an online softmax. std::invalid_argument for negative sizes or heads that kv_heads does not divide.
void attention(const AttentionArgs& args, ThreadPool& pool, Isa isa = active_isa());

}  // namespace mica::cpu
