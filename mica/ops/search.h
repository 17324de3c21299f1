#pragma once

#include <string>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

/// For each value the index (uint32, shape of `values`) where it can be inserted into the ascending `sorted_sequence`
/// (one axis): before equal elements with side "left", behind them with "right". NaN sorts last. Throws
/// std::invalid_argument for another side or a sequence that has not one axis.
array searchsorted(const array& sorted_sequence, const array& values, const std::string& side = "left",
                   StreamOrDevice s = {});

/// Inputs of one dtype: sequences [batch..., n], values [batch..., any...].
struct SearchSorted final : PrimitiveOf<SearchSorted> {
  SearchSorted(Stream stream, bool right_side) : PrimitiveOf(stream), right(right_side) {}
  std::string_view name() const override { return "searchsorted"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(right); }
  bool right;
};

}  // namespace mica
