#include "mica/ops/search.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/rules.h"

namespace mica {

std::vector<OutputSpec> SearchSorted::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  const Shape& sequences = inputs[0].shape();
  const Shape& values = inputs[1].shape();
  const bool fits = !sequences.empty() && sequences.size() - 1 <= values.size() &&
                    std::equal(sequences.begin(), sequences.end() - 1, values.begin());
  if (!fits) {
    fail_as<std::invalid_argument>("[searchsorted] sequences of shape {} do not match values of shape {}",
                                   to_string(sequences), to_string(values));
  }
  return {{values, uint32}};
}

std::pair<std::vector<array>, std::vector<int>> SearchSorted::vmap(const std::vector<array>& inputs,
                                                                   const std::vector<int>& axes) const {
  return {{apply<SearchSorted>(batches(inputs, axes, stream()), stream(), right)}, {0}};
}

array searchsorted(const array& sorted_sequence, const array& values, const std::string& side, StreamOrDevice s) {
  if (sorted_sequence.ndim() != 1) {
    fail_as<std::invalid_argument>("[searchsorted] the sorted sequence must have one axis, not {}",
                                   sorted_sequence.ndim());
  }
  if (side != "left" && side != "right") {
    fail_as<std::invalid_argument>("[searchsorted] side {} is not left or right", mica::quoted(side));
  }
  const Dtype dtype = promote_types(sorted_sequence.dtype(), values.dtype());
  return apply<SearchSorted>({astype(sorted_sequence, dtype, s), astype(values, dtype, s)}, to_stream(s),
                             side == "right");
}

}  // namespace mica
