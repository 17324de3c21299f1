#include "mica/ops/batching.h"

#include "mica/ops/shape.h"

namespace mica {

std::vector<array> batched_first(const std::vector<array>& inputs, const std::vector<int>& axes, Stream stream) {
  ShapeElem batch = 1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] >= 0) batch = inputs[i].shape(axes[i]);
  }
  std::vector<array> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] >= 0) {
      out.push_back(moveaxis(inputs[i], axes[i], 0, stream));
    } else {
      Shape shape = inputs[i].shape();
      shape.insert(shape.begin(), batch);
      out.push_back(broadcast_to(expand_dims(inputs[i], 0, stream), shape, stream));
    }
  }
  return out;
}

}  // namespace mica
