// Attention, and caches of keys and values in one piece and in pages.

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/fused.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// The pages of each entry of the batch.
array page_numbers(const array& given, ShapeElem batch, std::string_view op, StreamOrDevice s) {
  if (!issubdtype(given.dtype(), integer) || given.ndim() != 2 || given.shape(0) != batch) {
    fail_as<std::invalid_argument>(
        "[{}] a page table of shape {} and dtype {}, where integers of shape [{}, …] are needed", op,
        to_string(given.shape()), dtype_name(given.dtype()), batch);
  }
  return astype(given, int32, s);
}

/// One place for each entry of the batch.
array places(const array& given, ShapeElem batch, std::string_view op, StreamOrDevice s) {
  if (!issubdtype(given.dtype(), integer) || given.shape() != Shape{batch}) {
    fail_as<std::invalid_argument>("[{}] places of shape {} and dtype {}, where integers of shape [{}] are needed", op,
                                   to_string(given.shape()), dtype_name(given.dtype()), batch);
  }
  return astype(given, int32, s);
}

Shape attended_shape(const std::vector<array>& inputs) {
  const array& q = inputs[0];
  const array& k = inputs[1];
  const array& v = inputs[2];
  const bool four = q.ndim() == 4 && k.ndim() == 4 && v.ndim() == 4;
  const bool fits = four && q.shape(0) == k.shape(0) && q.shape(0) == v.shape(0) && k.shape(1) == v.shape(1) &&
                    k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0 && k.shape(2) == v.shape(2) &&
                    q.shape(3) == k.shape(3);
  if (!fits) {
    fail_as<std::invalid_argument>("[attention] queries {}, keys {} and values {} do not fit together",
                                   to_string(q.shape()), to_string(k.shape()), to_string(v.shape()));
  }
  Shape shape = q.shape();
  shape.back() = v.shape(3);
  return shape;
}

/// A table of the pages of `batch` sequences in a cache [P, H, T, D].
void check_page_table(const array& table, const array& cache, ShapeElem batch, std::string_view op) {
  check_ndim(table, 2, op);
  check_shape(table, {batch, table.shape(1)}, op);
  check_dtype(table, int32, op);
  const ShapeElem tokens = cache.shape(2);
  if (tokens == 0 || tokens % kKvPageTokens != 0) {
    fail_as<std::invalid_argument>("[{}] pages of {} tokens, where a multiple of {} is needed", op, tokens,
                                   kKvPageTokens);
  }
  if (table.shape(1) > std::numeric_limits<int32_t>::max() / tokens) {
    fail_as<std::invalid_argument>("[{}] {} pages of {} tokens are more than 2^31 places", op, table.shape(1), tokens);
  }
}

}  // namespace

std::vector<OutputSpec> Attention::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3u + (has_mask ? 1 : 0) + (has_offsets ? 1 : 0) + (has_sinks ? 1 : 0), name());
  const Shape shape = attended_shape(inputs);
  const array& q = inputs[0];
  const array& k = inputs[1];
  check_dtype(q, float32, name());
  if (k.dtype() != float16 && k.dtype() != bfloat16) check_dtype(k, float32, name());
  check_dtype(inputs[2], k.dtype(), name());
  if (has_mask) {
    check_shape(inputs[3], {q.shape(0), q.shape(1), q.shape(2), k.shape(2)}, name());
    if (inputs[3].dtype() != bool_) check_dtype(inputs[3], float32, name());
  }
  if (has_offsets) {
    check_shape(inputs[has_mask ? 4 : 3], {q.shape(0)}, name());
    check_dtype(inputs[has_mask ? 4 : 3], int32, name());
  }
  if (has_sinks) {
    check_shape(inputs.back(), {q.shape(1)}, name());
    check_dtype(inputs.back(), float32, name());
  }
  if (options.window > 0 && !options.causal) {
    fail_as<std::invalid_argument>("[attention] a window needs the causal mask");
  }
  return {{shape, float32}};
}

std::vector<OutputSpec> PutRows::infer(const std::vector<array>& inputs) const {
  const bool has_pages = inputs.size() > 3;
  check_count(inputs, has_pages ? 4 : 3, name());
  const array& buffer = inputs[0];
  const array& rows = inputs[1];
  if (buffer.ndim() != 4 || rows.ndim() != 4) fail_as<std::invalid_argument>("[put_rows] needs four axes");
  const ShapeElem batch = has_pages ? rows.shape(0) : buffer.shape(0);
  check_shape(rows, {batch, buffer.shape(1), rows.shape(2), buffer.shape(3)}, name());
  check_shape(inputs[2], {batch}, name());
  check_dtype(inputs[2], int32, name());
  if (has_pages) check_page_table(inputs[3], buffer, batch, name());
  return {{buffer.shape(), buffer.dtype()}};
}

std::vector<OutputSpec> CachedAttention::infer(const std::vector<array>& inputs) const {
  check_count(inputs, query_places_input() + (has_query_places ? 1 : 0), name());
  for (const size_t i : {0, 1, 2}) check_dtype(inputs[i], float32, name());
  const array& q = inputs[0];
  const array& keys = inputs[3];
  const array& values = inputs[4];
  if (q.ndim() != 3 || inputs[1].ndim() != 3 || keys.ndim() != 4 || values.ndim() != 4) {
    fail_as<std::invalid_argument>("[cached_attention] queries and keys have three axes, caches four");
  }
  const ShapeElem heads = options.num_heads;
  const ShapeElem kv_heads = options.num_kv_heads;
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0) {
    fail_as<std::invalid_argument>("[cached_attention] {} heads with {} key heads", heads, kv_heads);
  }
  const bool codes = options.kv.bits != 0;
  if (codes) {
    check_kv_format(options.kv, name());
    check_dtype(keys, uint8, name());
  } else if (keys.dtype() != float16 && keys.dtype() != bfloat16) {
    check_dtype(keys, float32, name());
  }
  check_dtype(values, keys.dtype(), name());
  // Numbers of a file could overflow in products: widths are divided instead.
  const ShapeElem dim = q.shape(2) / heads;
  const ShapeElem value_dim = inputs[2].ndim() == 3 ? inputs[2].shape(2) / kv_heads : -1;
  const ShapeElem count = has_query_places ? inputs[1].shape(1) : q.shape(1);
  check_shape(q, {q.shape(0), std::min(q.shape(1), count), dim * heads}, name());
  check_shape(inputs[1], {q.shape(0), count, dim * kv_heads}, name());
  check_shape(inputs[2], {q.shape(0), count, value_dim * kv_heads}, name());
  if (codes && std::max(dim, value_dim) > (ShapeElem{1} << 40)) {
    fail_as<std::invalid_argument>("[cached_attention] codes of {} elements a row", std::max(dim, value_dim));
  }
  const auto width = [&](ShapeElem row) { return codes ? kv_row_bytes(options.kv, row) : row; };
  const ShapeElem entries = has_pages ? keys.shape(0) : q.shape(0);
  check_shape(keys, {entries, kv_heads, keys.shape(2), width(dim)}, name());
  check_shape(values, {entries, kv_heads, keys.shape(2), width(value_dim)}, name());
  check_shape(inputs[5], {q.shape(0)}, name());
  check_dtype(inputs[5], int32, name());
  if (has_pages) check_page_table(inputs[6], keys, q.shape(0), name());
  if (options.attention.window > 0 && !options.attention.causal) {
    fail_as<std::invalid_argument>("[cached_attention] a window needs the causal mask");
  }
  if (turns) {
    const array turned(Shape{q.shape(0), kv_heads, count, dim}, float32, nullptr, {});
    Rotate(stream(), options.traditional).infer({turned, inputs[angle_input()], inputs[angle_input() + 1]});
  }
  if (has_query_places) {
    check_shape(inputs[query_places_input()], {q.shape(0)}, name());
    check_dtype(inputs[query_places_input()], int32, name());
  }
  const Shape mixed = {q.shape(0), q.shape(1), heads * value_dim};
  return {{mixed, float32}, {keys.shape(), keys.dtype()}, {values.shape(), values.dtype()}};
}

array attend(const array& queries, const array& keys, const array& values, const AttentionOptions& options,
             const std::optional<array>& mask, const std::optional<array>& sinks, const std::optional<array>& offsets,
             StreamOrDevice s) {
  const Dtype dtype =
      promote_types(queries.dtype(), promote_types(keys.dtype(), values.dtype())) == float64 ? float64 : float32;
  // Keys and values stay as the cache holds them; anything else becomes float32.
  const auto kept = [&](const array& a) {
    const bool native = a.dtype() == float16 || a.dtype() == bfloat16;
    return native && dtype == float32 && keys.dtype() == values.dtype() ? a : astype(a, dtype, s);
  };
  std::vector<array> inputs = {astype(queries, dtype, s), kept(keys), kept(values)};
  if (mask) {
    const Shape wanted = {queries.shape(0), queries.shape(1), queries.shape(2), keys.shape(2)};
    inputs.push_back(broadcast_to(mask->dtype() == bool_ ? *mask : astype(*mask, dtype, s), wanted, s));
  }
  if (offsets) inputs.push_back(places(*offsets, queries.shape(0), "attention", s));
  if (sinks) {
    if (sinks->shape() != Shape{queries.shape(1)}) {
      fail_as<std::invalid_argument>("[attention] sinks of shape {} for {} heads", to_string(sinks->shape()),
                                     queries.shape(1));
    }
    inputs.push_back(astype(*sinks, dtype, s));
  }
  attended_shape(inputs);
  return apply_fused<Attention>(std::move(inputs), s, options, mask.has_value(), offsets.has_value(),
                                sinks.has_value());
}

array put_rows(const array& buffer, const array& rows, const array& starts, const std::optional<array>& page_table,
               StreamOrDevice s) {
  if (buffer.ndim() != 4 || rows.ndim() != 4) fail_as<std::invalid_argument>("[put_rows] needs four axes");
  const ShapeElem batch = page_table ? rows.shape(0) : buffer.shape(0);
  std::vector<array> inputs = {buffer, rows, places(starts, batch, "put_rows", s)};
  if (page_table) inputs.push_back(page_numbers(*page_table, batch, "put_rows", s));
  return apply<PutRows>(std::move(inputs), to_stream(s));
}

CachedAttentionResult attend_cached(const array& q, const array& k, const array& v, array keys, array values,
                                    const array& places_of, const std::optional<array>& cosine,
                                    const std::optional<array>& sine, const CachedAttentionOptions& options,
                                    const std::optional<array>& page_table, const std::optional<array>& query_places,
                                    StreamOrDevice s) {
  if (cosine.has_value() != sine.has_value()) {
    fail_as<std::invalid_argument>("[cached_attention] cosine and sine come together");
  }
  std::vector<array> inputs = {astype(q, float32, s), astype(k, float32, s), astype(v, float32, s)};
  inputs.push_back(std::move(keys));
  inputs.push_back(std::move(values));
  const ShapeElem batch = q.ndim() > 0 ? q.shape(0) : 0;
  inputs.push_back(places(places_of, batch, "cached_attention", s));
  if (page_table) inputs.push_back(page_numbers(*page_table, batch, "cached_attention", s));
  if (cosine) inputs.push_back(astype(*cosine, float32, s));
  if (sine) inputs.push_back(astype(*sine, float32, s));
  if (query_places) inputs.push_back(places(*query_places, batch, "cached_attention", s));
  auto out = make_arrays(std::make_shared<CachedAttention>(to_stream(s), options, page_table.has_value(),
                                                           cosine.has_value(), query_places.has_value()),
                         std::move(inputs));
  return {std::move(out[0]), std::move(out[1]), std::move(out[2])};
}

namespace fast {

array scaled_dot_product_attention(const array& queries, const array& keys, const array& values, float scale,
                                   const std::string& mask_mode, const std::optional<array>& mask_arr,
                                   const std::optional<array>& sinks, bool, StreamOrDevice s) {
  const bool causal = mask_mode == "causal";
  if (!causal && !mask_mode.empty() && mask_mode != "array") {
    fail_as<std::invalid_argument>("[scaled_dot_product_attention] mask mode {} is none of \"\", causal, array",
                                   mica::quoted(mask_mode));
  }
  if ((mask_mode == "array" && !mask_arr) || (causal && mask_arr)) {
    fail_as<std::invalid_argument>("[scaled_dot_product_attention] mask mode and mask array do not go together");
  }
  const Dtype dtype = promote_types(queries.dtype(), promote_types(keys.dtype(), values.dtype()));
  AttentionOptions options;
  options.scale = scale;
  options.causal = causal;
  return astype(attend(queries, keys, values, options, mask_arr, sinks, std::nullopt, s), dtype, s);
}

}  // namespace fast
}  // namespace mica
