// Batching rules of primitives that arrange elements.
#include <algorithm>

#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {

std::pair<std::vector<array>, std::vector<int>> Reshape::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  const array x = batch_first(inputs[0], axes[0], stream());
  // A length left open is that of one entry: it would not follow from an empty batch.
  Shape each = shape;
  const auto open = std::find(each.begin(), each.end(), -1);
  if (open != each.end()) {
    ShapeElem size = 1;
    for (size_t i = 1; i < x.ndim(); ++i) size *= x.shape()[i];
    for (const ShapeElem length : shape) size /= length > 0 ? length : 1;
    *open = size;
  }
  return {{reshape(x, with_batch(each, x.shape(0)), stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Transpose::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  std::vector<int> order = behind_batch(this->axes, axes[0]);
  order.insert(order.begin(), axes[0]);
  return {{transpose(inputs[0], std::move(order), stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Broadcast::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  const array x = batch_first(inputs[0], axes[0], stream());
  // The axes that broadcasting adds come behind the batch axis.
  Shape separate = x.shape();
  while (separate.size() < shape.size() + 1) separate.insert(separate.begin() + 1, 1);
  return {{broadcast_to(reshape(x, separate, stream()), with_batch(shape, x.shape(0)), stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> AsStrided::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  const array x = batch_first(inputs[0], axes[0], stream());
  const ShapeElem count = x.shape(0);
  Strides batch_strides = {count == 0 ? 0 : static_cast<int64_t>(x.size()) / count};
  batch_strides.insert(batch_strides.end(), strides.begin(), strides.end());
  return {{as_strided(x, with_batch(shape, count), std::move(batch_strides), offset, stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> View::vmap(const std::vector<array>& inputs,
                                                           const std::vector<int>& axes) const {
  return {{view(batch_first(inputs[0], axes[0], stream()), dtype, stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Copy::vmap(const std::vector<array>& inputs,
                                                           const std::vector<int>& axes) const {
  return {{apply<Copy>(inputs, stream(), if_needed, allow_col_major)}, axes};
}

std::pair<std::vector<array>, std::vector<int>> Concatenate::vmap(const std::vector<array>& inputs,
                                                                  const std::vector<int>& axes) const {
  return {{concatenate(batches(inputs, axes, stream()), axis + 1, stream())}, {0}};
}

}  // namespace mica
