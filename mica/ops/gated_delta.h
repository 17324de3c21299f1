#pragma once

#include <optional>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/ops/composite.h"

namespace mica {
namespace fast {

/// The gated delta rule over T steps: each head's state S [Dv, Dk] decays by the step's gate, S ← g·S, is corrected
/// towards the step's value where the key points, S ← S + β·(v − S·k)·kᵀ, and is read by the query, y = S·q.
///
/// queries and keys [B, T, Hk, Dk], values [B, T, Hv, Dv] with Hv a multiple of Hk (neighbouring value heads share a
/// key head), gates [B, T, Hv] or, one for each feature of the keys, [B, T, Hv, Dk], beta [B, T, Hv], initial_state [B,
/// Hv, Dv, Dk] (zeros without it), mask [B, T]: steps where it is false leave the state alone, and their y is 0.
///
/// Returns y [B, T, Hv, Dv] in the dtype that queries, keys and values promote to (float32 for integers), and the last
/// state [B, Hv, Dv, Dk] in float32 (float64 for float64). Computed in float32. Throws std::invalid_argument when
/// shapes do not fit together.
std::vector<array> gated_delta_update(const array& queries, const array& keys, const array& values, const array& gates,
                                      const array& beta, const std::optional<array>& initial_state = std::nullopt,
                                      const std::optional<array>& mask = std::nullopt, StreamOrDevice s = {});

}  // namespace fast

/// Inputs: queries, keys, values, gates [B, T, Hv, 1 or Dk], beta and the state, in float32, and the mask, bool.
/// Outputs: y and the last state.
struct GatedDelta final : PrimitiveOf<GatedDelta, Composite> {
  GatedDelta(Stream stream, bool mask) : PrimitiveOf(stream), has_mask(mask) {}
  std::string_view name() const override { return "gated_delta_update"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(has_mask); }
  bool has_mask;
};

}  // namespace mica
