#include "mica/nn/dropout.h"

#include "mica/nn/weak_scalar.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/random.h"

namespace mica::nn {
namespace {

double kept(double p) {
  if (p < 0.0 || p >= 1.0) fail_as<std::invalid_argument>("[Dropout] the probability {} is not in [0, 1)", p);
  return 1.0 - p;
}

/// x with what `shape`'s random mask (broadcast) says set to zero, the rest scaled.
array dropped(const array& x, const Shape& shape, double keep) {
  return random::bernoulli(array(keep), shape) * x * Weak(1.0 / keep);
}

/// The mask's shape that drops channels: the `spatial` axes before the last have length 1.
Shape channel_mask(const array& x, size_t spatial) {
  if (x.ndim() != spatial + 1 && x.ndim() != spatial + 2) {
    fail_as<std::invalid_argument>("[Dropout{}d] the input has {} axes, wanted are {} or {}", spatial, x.ndim(),
                                   spatial + 1, spatial + 2);
  }
  Shape shape = x.shape();
  for (size_t i = 0; i < spatial; ++i) shape[x.ndim() - 2 - i] = 1;
  return shape;
}

}  // namespace

Dropout::Dropout(double p) : keep(kept(p)) {}

array Dropout::operator()(const array& x) const {
  return keep == 1.0 || !training() ? x : dropped(x, x.shape(), keep);
}

Dropout2d::Dropout2d(double p) : keep(kept(p)) {}

array Dropout2d::operator()(const array& x) const {
  const Shape shape = channel_mask(x, 2);
  return keep == 1.0 || !training() ? x : dropped(x, shape, keep);
}

Dropout3d::Dropout3d(double p) : keep(kept(p)) {}

array Dropout3d::operator()(const array& x) const {
  const Shape shape = channel_mask(x, 3);
  return keep == 1.0 || !training() ? x : dropped(x, shape, keep);
}

}  // namespace mica::nn
