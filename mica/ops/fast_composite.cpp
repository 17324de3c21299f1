// The operations that specify the fused primitives of fast.h, computed in float32 (float64 for float64).
#include <limits>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/fused.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// Which keys each query sees by its place: [L, T], with offsets [B, 1, 1, L, T].
array visible_by_place(ShapeElem queries, ShapeElem keys, const AttentionOptions& options,
                       const std::optional<array>& offsets, StreamOrDevice s) {
  const array key = arange(0, static_cast<double>(keys), int64, s);
  const array query = expand_dims(arange(0, static_cast<double>(queries), int64, s), 1, s);
  const array first = offsets ? reshape(astype(*offsets, int64, s), {-1, 1, 1, 1, 1}, s) : array(keys - queries, int64);
  const array last = add(query, first, s);
  const array end = add(first, array(queries, int64), s);
  array visible = options.causal ? less_equal(key, last, s) : less(add(key, zeros_like(query, s), s), end, s);
  if (options.window > 0) {
    visible = logical_and(visible, greater(key, subtract(last, array(options.window, int64), s), s), s);
  }
  return visible;
}

/// The pages [P, H, T, D] of a table [B, M] behind each other: [B, H, M · T, D].
array joined_pages(const array& pages, const array& table, StreamOrDevice s) {
  return flatten(transpose(take(pages, table, 0, s), {0, 2, 1, 3, 4}, s), 2, 3, s);
}

/// Pages with rows [B, H, N, D] at the places [B, N] of a table.
array put_in_pages(const array& pages, const array& rows, const array& places, const array& table, StreamOrDevice s) {
  const array tokens(pages.shape(2), int64);
  const array page = take_along_axis(table, floor_divide(places, tokens, s), 1, s);
  const array updates = expand_dims(transpose(astype(rows, pages.dtype(), s), {0, 2, 1, 3}, s), {2, 4}, s);
  return scatter(pages, {page, remainder(places, tokens, s)}, updates, {0, 2}, s);
}

/// Rows [B, N] of a table [T, D] or, each entry of its own one, [B, T, D]: [B, N, D].
array table_rows(const array& table, const array& rows, StreamOrDevice s) {
  if (table.ndim() == 2) return take(table, rows, 0, s);
  return take_along_axis(table, expand_dims(rows, 2, s), 1, s);
}

/// [B, H, …] as [B, Hkv, H / Hkv, …].
array grouped(const array& a, ShapeElem kv_heads, StreamOrDevice s) {
  return unflatten(a, 1, {kv_heads, -1}, s);
}

}  // namespace

std::vector<array> RmsNorm::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array x = astype(inputs[0], compute_dtype(inputs[0]), s);
  const array scale = rsqrt(add(mean(square(x, s), -1, true, s), constant_like(eps, x), s), s);
  array out = multiply(x, scale, s);
  if (inputs.size() > 1) out = multiply(out, inputs[1], s);
  return {astype(out, inputs[0].dtype(), s)};
}

std::vector<array> LayerNorm::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array x = astype(inputs[0], compute_dtype(inputs[0]), s);
  const array centered = subtract(x, mean(x, -1, true, s), s);
  const array variance = mean(square(centered, s), -1, true, s);
  array out = multiply(centered, rsqrt(add(variance, constant_like(eps, x), s), s), s);
  size_t next = 1;
  if (has_weight) out = multiply(out, inputs[next++], s);
  if (has_bias) out = add(out, inputs[next], s);
  return {astype(out, inputs[0].dtype(), s)};
}

std::vector<array> Rotate::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array x = astype(inputs[0], compute_dtype(inputs[0]), s);
  const int last = static_cast<int>(x.ndim()) - 1;
  const ShapeElem half = inputs[1].shape(-1);
  // Angles that differ along the first axis of x apply to all axes between it and the last two.
  const auto angles = [&](const array& table) {
    if (table.ndim() == 2) return table;
    Shape shape(x.ndim(), 1);
    shape.front() = table.shape(0);
    shape[shape.size() - 2] = table.shape(1);
    shape.back() = half;
    return reshape(table, shape, s);
  };
  const array cosine = angles(inputs[1]);
  const array sine = angles(inputs[2]);
  const std::vector<array> parts = split(x, Shape{2 * half}, last, s);
  const array pairs = traditional ? unflatten(parts[0], last, {half, 2}, s)
                                  : swapaxes(unflatten(parts[0], last, {2, half}, s), -1, -2, s);
  const array a = take(pairs, 0, -1, s);
  const array b = take(pairs, 1, -1, s);
  const array turned_a = subtract(multiply(a, cosine, s), multiply(b, sine, s), s);
  const array turned_b = add(multiply(b, cosine, s), multiply(a, sine, s), s);
  const array rotated = traditional ? flatten(stack({turned_a, turned_b}, last + 1, s), last, last + 1, s)
                                    : concatenate({turned_a, turned_b}, last, s);
  return {astype(concatenate({rotated, parts[1]}, last, s), inputs[0].dtype(), s)};
}

std::vector<array> Attention::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array& q = inputs[0];
  const Dtype dtype = compute_dtype(q);
  const ShapeElem kv_heads = inputs[1].shape(1);
  const array keys = expand_dims(astype(inputs[1], dtype, s), 2, s);
  const array values = expand_dims(astype(inputs[2], dtype, s), 2, s);
  const array queries = multiply(grouped(q, kv_heads, s), constant_like(options.scale, q), s);
  array scores = matmul(queries, matrix_transpose(keys, s), s);
  if (options.softcap > 0) {
    const array cap = constant_like(options.softcap, q);
    scores = multiply(cap, tanh(divide(scores, cap, s), s), s);
  }
  const std::optional<array> offsets = has_offsets ? std::optional(inputs[has_mask ? 4 : 3]) : std::nullopt;
  array visible = visible_by_place(q.shape(2), inputs[1].shape(2), options, offsets, s);
  if (has_mask && inputs[3].dtype() == bool_) {
    visible = logical_and(visible, grouped(inputs[3], kv_heads, s), s);
  } else if (has_mask) {
    const array bias = grouped(inputs[3], kv_heads, s);
    const array shown = logical_not(isneginf(bias, s), s);
    scores = add(scores, where(shown, bias, constant_like(0, bias), s), s);
    visible = logical_and(visible, shown, s);
  }
  // What is not visible gets the lowest finite score and, in a row where nothing is, a weight of 0 after all.
  scores = where(visible, scores, constant_like(std::numeric_limits<float>::lowest(), scores), s);
  if (has_sinks) {
    const array sink = reshape(inputs.back(), {1, kv_heads, -1, 1, 1}, s);
    Shape column = scores.shape();
    column.back() = 1;
    scores = concatenate({scores, broadcast_to(sink, column, s)}, -1, s);
  }
  array weights = softmax(scores, -1, true, s);
  if (has_sinks) weights = split(weights, Shape{inputs[1].shape(2)}, -1, s)[0];
  weights = where(visible, weights, constant_like(0, weights), s);
  return {flatten(matmul(weights, values, s), 1, 2, s)};
}

std::vector<array> CachedAttention::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const auto heads = [&](const array& x, int count) {
    return transpose(reshape(x, {x.shape(0), x.shape(1), count, x.shape(2) / count}, s), {0, 2, 1, 3}, s);
  };
  const array& places = inputs[5];
  const array& query_places = has_query_places ? inputs[query_places_input()] : places;
  const auto turned = [&](const array& x, bool are_queries) {
    if (!turns) return x;
    array cosine = inputs[angle_input()];
    array sine = inputs[angle_input() + 1];
    if (are_queries && has_query_places) {
      // The tables begin with the first new key.
      const array first = expand_dims(subtract(query_places, places, s), 1, s);
      const array rows = add(first, arange(0, static_cast<double>(x.shape(2)), int32, s), s);
      cosine = table_rows(cosine, rows, s);
      sine = table_rows(sine, rows, s);
    }
    return rotate(x, cosine, sine, options.traditional, s);
  };
  const std::optional<array> table = has_pages ? std::optional(inputs[6]) : std::nullopt;
  const KvFormat& kv = options.kv;
  const auto stored = [&](const array& rows) { return kv.bits != 0 ? quantize_kv(rows, kv, s) : rows; };
  const auto read = [&](const array& cache, const array& rows) {
    const array joined = table ? joined_pages(cache, *table, s) : cache;
    return kv.bits != 0 ? dequantize_kv(joined, rows.shape(2) / options.num_kv_heads, kv, s) : joined;
  };
  const array keys =
      put_rows(inputs[3], stored(turned(heads(inputs[1], options.num_kv_heads), false)), places, table, s);
  const array values = put_rows(inputs[4], stored(heads(inputs[2], options.num_kv_heads)), places, table, s);
  const array q = turned(heads(inputs[0], options.num_heads), true);
  const array mixed = attend(q, read(keys, inputs[1]), read(values, inputs[2]), options.attention, std::nullopt,
                             std::nullopt, query_places, s);
  return {flatten(transpose(mixed, {0, 2, 1, 3}, s), 2, 3, s), keys, values};
}

std::vector<array> PutRows::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array& buffer = inputs[0];
  const array& rows = inputs[1];
  const array numbers = arange(0, static_cast<double>(rows.shape(2)), int64, s);
  if (inputs.size() > 3)
    return {put_in_pages(buffer, rows, add(reshape(inputs[2], {-1, 1}, s), numbers, s), inputs[3], s)};
  const array starts = reshape(astype(inputs[2], int64, s), {-1, 1, 1, 1}, s);
  const array at = broadcast_to(add(starts, reshape(numbers, {-1, 1}, s), s), rows.shape(), s);
  return {put_along_axis(buffer, at, astype(rows, buffer.dtype(), s), 2, s)};
}

std::pair<std::vector<array>, std::vector<int>> RmsNorm::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  if (inputs.size() > 1 && axes[1] >= 0) return Composite::vmap(inputs, axes);
  std::vector<array> moved = inputs;
  moved[0] = batch_first(inputs[0], axes[0], stream());
  return {{apply<RmsNorm>(std::move(moved), stream(), eps)}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> LayerNorm::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (axes[i] >= 0) return Composite::vmap(inputs, axes);
  }
  std::vector<array> moved = inputs;
  moved[0] = batch_first(inputs[0], axes[0], stream());
  return {{apply<LayerNorm>(std::move(moved), stream(), eps, has_weight, has_bias)}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Rotate::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  if (axes[1] >= 0 || axes[2] >= 0 || inputs[1].ndim() != 2) return Composite::vmap(inputs, axes);
  return {{apply<Rotate>({batch_first(inputs[0], axes[0], stream()), inputs[1], inputs[2]}, stream(), traditional)},
          {0}};
}

std::pair<std::vector<array>, std::vector<int>> Attention::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  if (has_sinks && axes.back() >= 0) return Composite::vmap(inputs, axes);
  // The batch axis joins attention's own.
  const ShapeElem size = batch_size(inputs, axes);
  const std::vector<array> all = batches(inputs, axes, stream());
  std::vector<array> joined;
  joined.reserve(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const bool is_sink = has_sinks && i + 1 == all.size();
    joined.push_back(is_sink ? inputs[i] : flatten(all[i], 0, 1, stream()));
  }
  const array out = apply<Attention>(std::move(joined), stream(), options, has_mask, has_offsets, has_sinks);
  return {{unflatten(out, 0, {size, -1}, stream())}, {0}};
}

}  // namespace mica
