#pragma once

#include "mica/nn/member.h"

namespace mica::nn {

/// In training, sets each element to zero with probability p and scales the others by 1 / (1 − p); in evaluation, gives
/// back its input. p outside of [0, 1) throws std::invalid_argument.
struct Dropout : UnaryModule {
  explicit Dropout(double p = 0.5);
  array operator()(const array& x) const override;
  double keep;
};

/// Drops whole channels of x [B, H, W, C] or [H, W, C].
struct Dropout2d : UnaryModule {
  explicit Dropout2d(double p = 0.5);
  array operator()(const array& x) const override;
  double keep;
};

/// Drops whole channels of x [B, D, H, W, C] or [D, H, W, C].
struct Dropout3d : UnaryModule {
  explicit Dropout3d(double p = 0.5);
  array operator()(const array& x) const override;
  double keep;
};

}  // namespace mica::nn
