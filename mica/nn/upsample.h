#pragma once

#include <string>
#include <variant>
#include <vector>

#include "mica/nn/member.h"

namespace mica::nn {

// Larger (or smaller) signals: x [B, spatial…, C] → [B, ⌊scale · spatial⌋…, C], a scale for each spatial axis. With
// `align_corners` the first and last samples of both grids lie on each other. `antialias` widens the kernel of a
// reduction by 1 / scale; it excludes align_corners (std::invalid_argument).

/// x [N, …, C] with its spatial axes stretched by the factors: by the nearest elements, or between neighbours.
array upsample_nearest(const array& x, const std::vector<double>& scale_factor);
array upsample_linear(const array& x, const std::vector<double>& scale_factor, bool align_corners = false,
                      bool antialias = false);
/// Convolution with a cubic kernel (a = −0.75; with antialias −0.5).
array upsample_cubic(const array& x, const std::vector<double>& scale_factor, bool align_corners = false,
                     bool antialias = false);

/// mode: nearest, linear or cubic. One scale stands for all spatial axes.
struct Upsample : UnaryModule {
  explicit Upsample(std::variant<double, std::vector<double>> scale_factor, std::string mode = "nearest",
                    bool align_corners = false, bool antialias = false);
  array operator()(const array& x) const override;
  std::variant<double, std::vector<double>> scale_factor;
  std::string mode;
  bool align_corners;
  bool antialias;
};

}  // namespace mica::nn
