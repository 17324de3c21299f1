#pragma once

#include <optional>
#include <string>
#include <variant>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/ops/composite.h"
#include "mica/ops/kv_format.h"

namespace mica {
namespace fast {

/// x / √(mean x² + eps) · weight over the last axis; without a weight only the first part. Computed in float32, or in
/// float64 for float64 (as all of this file).
array rms_norm(const array& x, const std::optional<array>& weight, float eps, StreamOrDevice s = {});

/// (x − mean) / √(variance + eps) · weight + bias over the last axis.
array layer_norm(const array& x, const std::optional<array>& weight, const std::optional<array>& bias, float eps,
                 StreamOrDevice s = {});

/// −log softmax(logits)[target] over the last axis: logits [..., V], integer class indices `targets` [...] → float32
/// [...], computed in float32 (float64 logits in float64). Throws std::invalid_argument when dtype or shape of the
/// targets do not fit, std::out_of_range for an index outside of the axis when it is computed.
array cross_entropy(const array& logits, const array& targets, StreamOrDevice s = {});

/// Rotary position embedding (https://arxiv.org/abs/2104.09864) of the first `dims` features of x [..., T, D], at
/// positions offset, offset + 1 … (an array offset: one for each entry of the first axis). Exactly one of `base` and
/// `freqs` [dims / 2] (periods over 2π, as MLX names them) is given. Features are paired (i, i + dims/2), or
/// (2i, 2i + 1) if `traditional`.
array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const std::variant<int, array>& offset, const std::optional<array>& freqs = std::nullopt,
           StreamOrDevice s = {});

/// softmax(scale · q kᵀ + mask) v for q [B, H, L, D], k and v [B, Hkv, T, D]; Hkv divides H. mask_mode "causal" lets
/// query i see keys up to i + T − L; "" or "array" uses `mask_arr` (bool: true is seen, else added) if given. `sinks`
/// [H] are logits that take part in the softmax without a value.
array scaled_dot_product_attention(const array& queries, const array& keys, const array& values, float scale,
                                   const std::string& mask_mode = "", const std::optional<array>& mask_arr = {},
                                   const std::optional<array>& sinks = {}, bool force_fused = false,
                                   StreamOrDevice s = {});

}  // namespace fast

/// What attention does beside softmax(q·kᵀ)·v.
struct AttentionOptions {
  float scale = 1.0f;
  bool causal = false;
  /// > 0: a query sees only that many keys, its own place included.
  int64_t window = 0;
  /// > 0: scores become softcap · tanh(score / softcap) before the mask.
  float softcap = 0.0f;

  friend bool operator==(const AttentionOptions&, const AttentionOptions&) = default;
};

/// scaled_dot_product_attention with the options of all model families. Output [B, H, L, Dv], float32, or
/// float64 when one of them is.
///
/// `offsets` [B] (integers) are for keys and values that lie in a cache longer than what it holds: query i of entry b
/// stands at place offsets[b] + i. Causal attention ends at a query's place; any other sees the offsets[b] + L keys
/// that there are. Without offsets the queries are the last ones: they stand at T − L + i.
array attend(const array& queries, const array& keys, const array& values, const AttentionOptions& options,
             const std::optional<array>& mask = {}, const std::optional<array>& sinks = {},
             const std::optional<array>& offsets = {}, StreamOrDevice s = {});

/// Writes to a cache: `buffer` [B, H, C, D] with `rows` [B, H, N, D] in the places starts[b] … starts[b] + N − 1 of
/// its third axis, as numbers of the buffer's dtype; `starts` are integers [B]. Throws std::invalid_argument when
/// shapes do not fit, std::out_of_range for a place outside of the buffer when it is computed.
///
/// With `page_table` (integers [B, M]) the buffer holds pages [P, H, T, D], T a multiple of kKvPageTokens: place p of
/// entry b is row p mod T of page page_table[b, p div T]. Only the pages that are written to are looked up; a number
/// that no page has throws std::out_of_range when it is computed. Entries must not write to the same place.
array put_rows(const array& buffer, const array& rows, const array& starts, const std::optional<array>& page_table = {},
               StreamOrDevice s = {});

/// Rotates pairs of features of x [..., T, D] by angles given by cosine and sine [T, dims / 2] (or [B, T, dims / 2], B
/// being x's first axis); features from `dims` on pass through. Layers of one step share the two tables.
array rotate(const array& x, const array& cosine, const array& sine, bool traditional, StreamOrDevice s = {});

/// A step of attention over a cache, from projections to what the output projection reads.
struct CachedAttentionOptions {
  AttentionOptions attention;
  int num_heads = 1;
  int num_kv_heads = 1;
  /// How features are paired where cosine and sine are given (rotate).
  bool traditional = false;
  /// With bits the caches hold codes: uint8 [B, Hkv, C, kv_row_bytes].
  KvFormat kv = {};

  friend bool operator==(const CachedAttentionOptions&, const CachedAttentionOptions&) = default;
};

/// The mixed values, and the caches with the new keys and values.
struct CachedAttentionResult {
  array mixed;
  array keys;
  array values;
};

/// attend for queries q [B, L, H · D] whose keys k [B, L, Hkv · D] and values v [B, L, Hkv · Dv] join those in the
/// caches `keys` [B, Hkv, C, D] and `values` [B, Hkv, C, Dv] first, in the places from places[b] on (put_rows), where
/// the queries stand, too. With `cosine` and `sine` queries and keys are rotated before. Returns the mixed values
/// [B, L, H · Dv] and the caches, which are written in place where nobody else holds them. Throws
/// std::invalid_argument when shapes do not fit, std::out_of_range for a place outside of the caches when it is
/// computed.
///
/// With `page_table` (integers [B, M]) the caches hold pages, as in put_rows, `keys` [P, Hkv, T, D] and `values`
/// [P, Hkv, T, Dv]: the result is that of caches in which each sequence's pages lie behind each other, bit for bit.
/// Sequences may share pages that they only read. Pages behind the last place and before the window of the first may
/// have any number.
///
/// `query_places` (integers [B]) are for fewer queries than keys, q [B, N, H · D] with N ≤ L: those of entry b stand at
/// query_places[b] … query_places[b] + N − 1, among the places of the new keys, else std::out_of_range is thrown when
/// it is computed. (The last layer of a prompt has one query only.)
CachedAttentionResult attend_cached(const array& q, const array& k, const array& v, array keys, array values,
                                    const array& places, const std::optional<array>& cosine,
                                    const std::optional<array>& sine, const CachedAttentionOptions& options,
                                    const std::optional<array>& page_table = {},
                                    const std::optional<array>& query_places = {}, StreamOrDevice s = {});

/// Inputs: x and, if there is one, a weight along its last axis in float32.
struct RmsNorm final : PrimitiveOf<RmsNorm, Composite> {
  RmsNorm(Stream stream, float epsilon) : PrimitiveOf(stream), eps(epsilon) {}
  std::string_view name() const override { return "rms_norm"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(eps); }
  float eps;
};

/// Inputs: x, then weight and bias as far as they are there.
struct LayerNorm final : PrimitiveOf<LayerNorm, Composite> {
  LayerNorm(Stream stream, float epsilon, bool weight, bool bias)
      : PrimitiveOf(stream), eps(epsilon), has_weight(weight), has_bias(bias) {}
  std::string_view name() const override { return "layer_norm"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(eps, has_weight, has_bias); }
  float eps;
  bool has_weight;
  bool has_bias;
};

/// Inputs: x, cosine and sine (float32).
struct Rotate final : PrimitiveOf<Rotate, Composite> {
  Rotate(Stream stream, bool neighbours) : PrimitiveOf(stream), traditional(neighbours) {}
  std::string_view name() const override { return "rotate"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(traditional); }
  bool traditional;
};

/// Inputs: q (float32), k, v, then mask [B, H, L, T] (bool or float32), offsets (int32) and sinks (float32) as far as
/// they are there.
struct Attention final : PrimitiveOf<Attention, Composite> {
  Attention(Stream stream, AttentionOptions attention_options, bool mask, bool offset, bool sink)
      : PrimitiveOf(stream), options(attention_options), has_mask(mask), has_offsets(offset), has_sinks(sink) {}
  std::string_view name() const override { return "attention"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(options, has_mask, has_offsets, has_sinks); }
  AttentionOptions options;
  bool has_mask;
  bool has_offsets;
  bool has_sinks;
};

/// Inputs: q, k, v (float32), keys, values, places (int32), then the page table (int32), cosine and sine (float32) and
/// the places of the queries (int32) as far as they are there. Outputs: the mixed values, keys, values.
struct CachedAttention final : PrimitiveOf<CachedAttention, Composite> {
  CachedAttention(Stream stream, CachedAttentionOptions attention_options, bool pages, bool turn, bool query_places)
      : PrimitiveOf(stream),
        options(attention_options),
        has_pages(pages),
        turns(turn),
        has_query_places(query_places) {}
  std::string_view name() const override { return "cached_attention"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(options, has_pages, turns, has_query_places); }
  /// Of the cosine.
  size_t angle_input() const { return has_pages ? 7 : 6; }
  size_t query_places_input() const { return angle_input() + (turns ? 2 : 0); }
  CachedAttentionOptions options;
  bool has_pages;
  bool turns;
  bool has_query_places;
};

/// Inputs: buffer, rows, starts (int32), then the page table (int32) if there is one.
struct PutRows final : PrimitiveOf<PutRows, Composite> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "put_rows"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(); }
};

}  // namespace mica
