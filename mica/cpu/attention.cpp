#include "mica/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/attention_parts.h"

namespace mica::cpu {
namespace {

/// Rows of a key head from which tiles (of 8 to 32 rows) are faster than single rows.
constexpr int64_t kTileRows = 64;

/// Queries that are run by single rows in any case: a step of a few tokens computes what steps of one token compute.
constexpr int64_t kRowQueries = 16;

void check(const AttentionArgs& args) {
  if (args.batch < 0 || args.heads < 0 || args.queries < 0 || args.keys < 0 || args.dim < 0 || args.value_dim < 0) {
    fail_as<std::invalid_argument>("attention with a negative size");
  }
  if (args.kv_heads <= 0 || args.heads % args.kv_heads != 0) {
    fail_as<std::invalid_argument>("attention of {} heads with {} key heads", args.heads, args.kv_heads);
  }
  if (args.additive_mask != nullptr && args.bool_mask != nullptr)
    fail_as<std::invalid_argument>("attention with two masks");
  if (args.window > 0 && !args.causal) fail_as<std::invalid_argument>("attention with a window that is not causal");
}

}  // namespace

std::pair<int64_t, int64_t> visible_keys(const AttentionArgs& args, int64_t batch, int64_t query) {
  const int64_t offset = args.offsets ? args.offsets[batch] : args.keys - args.queries;
  const int64_t end = offset + (args.causal ? query + 1 : args.queries);
  const int64_t last = std::clamp<int64_t>(end, 0, args.keys);
  const int64_t first = args.window > 0 ? std::max<int64_t>(0, end - args.window) : 0;
  return {std::min(first, last), last};
}

AttentionMask attention_mask(const AttentionArgs& args, const AttentionRow& row) {
  const int64_t offset =
      row.batch * args.mask_strides[0] + row.head * args.mask_strides[1] + row.query * args.mask_strides[2];
  return {args.additive_mask ? args.additive_mask + offset : nullptr,
          args.bool_mask ? args.bool_mask + offset : nullptr};
}

GemmType attention_kv_type(const AttentionArgs& args) {
  switch (args.kv_type) {
    case KvType::f16:
      return GemmType::f16;
    case KvType::bf16:
      return GemmType::bf16;
    default:
      return GemmType::f32;
  }
}

const void* attention_kv(const AttentionArgs& args, const AttentionView<const void>& view, int64_t batch,
                         int64_t kv_head) {
  const int64_t bytes = args.kv_type == KvType::f32 ? 4 : 2;
  return static_cast<const std::byte*>(view.data) + (batch * view.batch_stride + kv_head * view.head_stride) * bytes;
}

float attention_normalizer(const AttentionArgs& args, int64_t head, float largest, float sum) {
  if (args.sinks) {
    const float top = std::max(largest, args.sinks[head]);
    if (top == -std::numeric_limits<float>::infinity()) return 0.0f;
    const float correction = std::exp(largest - top);
    return correction / (sum * correction + std::exp(args.sinks[head] - top));
  }
  return sum == 0.0f ? 0.0f : 1.0f / sum;
}

void attention(const AttentionArgs& args, ThreadPool& pool, Isa isa) {
  check(args);
  if (args.batch == 0 || args.heads == 0 || args.queries == 0 || args.value_dim == 0) return;
  if (args.queries > kRowQueries && args.queries * attention_group(args) > kTileRows) {
    return attention_by_tiles(args, pool, isa);
  }
  attention_by_rows(args, pool, isa);
}

}  // namespace mica::cpu
