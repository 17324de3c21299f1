#include "mica/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/attention_parts.h"
#include "mica/ops/kv_format.h"

namespace mica::cpu {
namespace {

/// Queries up to which each row is computed by itself: steps of a few tokens then give what steps of one token give,
/// bit for bit, and faster than tiles would in most shapes.
constexpr int64_t kRowQueries = 8;

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
  if (args.pages.table == nullptr) return;
  if (args.pages.tokens <= 0 || args.pages.tokens % kKvPageTokens != 0 ||
      args.keys != args.pages.columns * args.pages.tokens) {
    fail_as<std::invalid_argument>("attention of {} keys in {} pages of {} tokens", args.keys, args.pages.columns,
                                   args.pages.tokens);
  }
}

}  // namespace

std::pair<int64_t, int64_t> visible_keys(const AttentionArgs& args, int64_t batch, int64_t query) {
  const int64_t offset = args.offsets ? args.offsets[batch] : args.keys - args.queries;
  const int64_t end = offset + (args.causal ? query + 1 : args.queries);
  const int64_t last = std::clamp<int64_t>(end, 0, args.keys);
  const int64_t first = args.window > 0 ? std::max<int64_t>(0, end - args.window) : 0;
  return {std::min(first, last), last};
}

AttentionMask attention_mask(const AttentionArgs& args, const AttentionRow& row, int64_t first) {
  const int64_t offset = row.batch * args.mask_strides[0] + row.head * args.mask_strides[1] +
                         row.query * args.mask_strides[2] + first * args.mask_strides[3];
  return {args.additive_mask ? args.additive_mask + offset : nullptr,
          args.bool_mask ? args.bool_mask + offset : nullptr};
}

KvRows attention_kv(const AttentionArgs& args, const AttentionView<const void>& view, int64_t dim, int64_t batch,
                    int64_t kv_head, int64_t first) {
  const bool codes = args.kv_type == KvType::q8 || args.kv_type == KvType::q4;
  const int64_t size = codes ? 1 : args.kv_type == KvType::f32 ? 4 : 2;
  const KvFormat format{args.kv_type == KvType::q4 ? 4 : 8, args.kv_group};
  const KvPages::Place place = args.pages.place(batch, first);
  const int64_t offset = place.entry * view.batch_stride + kv_head * view.head_stride + place.row * view.row_stride;
  return {.type = args.kv_type,
          .group = args.kv_group,
          .dim = dim,
          .bytes = codes ? kv_row_bytes(format, dim) : dim * size,
          .data = static_cast<const std::byte*>(view.data) + offset * size,
          .stride = view.row_stride * size};
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
  if (args.queries > kRowQueries) return attention_by_tiles(args, pool, isa);
  attention_by_rows(args, pool, isa);
}

}  // namespace mica::cpu
