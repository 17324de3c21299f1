#include "mica/nn/upsample.h"

#include <cmath>
#include <functional>
#include <numeric>

#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// One neighbour that every place of the new axis looks at: its index (uint32) and weight.
struct Tap {
  array index;
  array weight;
};

using TapsOf = std::function<std::vector<Tap>(ShapeElem length, double scale)>;

ShapeElem scaled_length(ShapeElem length, double scale) {
  return static_cast<ShapeElem>(scale * static_cast<double>(length));
}

/// Where the places of the new axis lie on the old one.
array positions(ShapeElem length, double scale, bool align_corners) {
  const ShapeElem count = scaled_length(length, scale);
  const array places = arange(0.0, static_cast<double>(count), 1.0, float32);
  const auto old_last = static_cast<double>(length - 1);
  const auto new_last = static_cast<double>(count - 1);
  if (align_corners) return places * Weak(old_last / std::max(new_last, 1.0));
  const double step = 1.0 / scale;
  return places * Weak(step) - Weak((new_last * step - old_last) / 2);
}

array index_in(const array& place, ShapeElem length) {
  return astype(clip(place, array(0.0f), array(static_cast<float>(length - 1))), uint32);
}

std::vector<Tap> linear_taps(ShapeElem length, double scale, bool align_corners) {
  const array place = clip(positions(length, scale, align_corners), array(0.0f), array(static_cast<float>(length - 1)));
  const array left = floor(place);
  const array share = place - left;
  return {{astype(left, uint32), Weak(1) - share}, {astype(ceil(place), uint32), share}};
}

array cubic_inner(const array& x, double a) {
  return (Weak(a + 2) * x - Weak(a + 3)) * x * x + Weak(1);
}

array cubic_outer(const array& x, double a) {
  return (((x - Weak(5)) * x + Weak(8)) * x - Weak(4)) * Weak(a);
}

std::vector<Tap> cubic_taps(ShapeElem length, double scale, bool align_corners) {
  constexpr double kA = -0.75;
  const array place = positions(length, scale, align_corners);
  const array left = floor(place);
  std::vector<Tap> taps;
  for (int k = -1; k <= 2; ++k) {
    const array neighbour = left + Weak(k);
    const array distance = abs(place - neighbour);
    const bool inner = k == 0 || k == 1;
    taps.push_back({index_in(neighbour, length), inner ? cubic_inner(distance, kA) : cubic_outer(distance, kA)});
  }
  return taps;
}

array triangle_kernel(const array& x) {
  return maximum(Weak(1) - x, Weak(0));
}

array cubic_kernel(const array& x) {
  constexpr double kA = -0.5;
  const array outside = where(x <= array(2.0f), cubic_outer(x, kA), array(0.0f));
  return where(x <= array(1.0f), cubic_inner(x, kA), outside);
}

/// Taps of a kernel as wide as the samples of a reduced signal are apart; weights sum to 1.
std::vector<Tap> antialias_taps(ShapeElem length, double scale, array (*kernel)(const array&), double radius) {
  const array place = positions(length, scale, false);
  const double spread = scale < 1 ? 1.0 / scale : 1.0;
  const int reach = static_cast<int>(std::ceil(radius * spread)) + 1;
  const array end(static_cast<float>(length));
  std::vector<Tap> taps;
  array total(0.0f);
  for (int k = 1 - reach; k < reach; ++k) {
    const array neighbour = floor(place) + Weak(k);
    const array inside = (neighbour >= array(0.0f)) && (neighbour < end);
    const array weight = where(inside, kernel(abs(place - neighbour) / Weak(spread)), array(0.0f));
    total = total + weight;
    taps.push_back({index_in(neighbour, length), weight});
  }
  total = where(total > array(0.0f), total, array(1.0f));
  for (Tap& tap : taps) tap.weight = tap.weight / total;
  return taps;
}

void check_scales(const array& x, const std::vector<double>& scale_factor) {
  if (x.ndim() < 3 || x.ndim() - 2 != scale_factor.size()) {
    fail_as<std::invalid_argument>("[Upsample] {} scales for an input of shape {}: one is needed for each spatial axis",
                                   scale_factor.size(), to_string(x.shape()));
  }
}

void check_antialias(bool align_corners, bool antialias) {
  if (antialias && align_corners) {
    fail_as<std::invalid_argument>("[Upsample] antialias and align_corners exclude each other");
  }
}

/// Weighted sums of neighbours, one spatial axis after the other.
array interpolate(const array& x, const std::vector<double>& scale_factor, const TapsOf& taps_of) {
  check_scales(x, scale_factor);
  array out = x;
  for (size_t i = 0; i < scale_factor.size(); ++i) {
    const int axis = static_cast<int>(i) + 1;
    Shape along(out.ndim(), 1);
    along[i + 1] = -1;
    std::vector<array> parts;
    for (const Tap& tap : taps_of(out.shape(axis), scale_factor[i])) {
      parts.push_back(take(out, tap.index, axis) * reshape(tap.weight, along));
    }
    out = std::accumulate(parts.begin() + 1, parts.end(), parts.front(), std::plus<>());
  }
  return out;
}

array nearest_indices(ShapeElem length, double scale) {
  const ShapeElem count = scaled_length(length, scale);
  const array places = arange(0.0, static_cast<double>(count), 1.0, float32);
  const Weak step(static_cast<double>(length) / static_cast<double>(count));
  return astype(count > length ? round((places + Weak(0.5)) * step - Weak(0.5)) : places * step, uint32);
}

}  // namespace

array upsample_nearest(const array& x, const std::vector<double>& scale_factor) {
  check_scales(x, scale_factor);
  array out = x;
  for (size_t i = 0; i < scale_factor.size(); ++i) {
    const int axis = static_cast<int>(i) + 1;
    const double scale = scale_factor[i];
    out = scale >= 1 && scale == std::floor(scale) ? repeat(out, static_cast<int>(scale), axis)
                                                   : take(out, nearest_indices(out.shape(axis), scale), axis);
  }
  return out;
}

array upsample_linear(const array& x, const std::vector<double>& scale_factor, bool align_corners, bool antialias) {
  check_antialias(align_corners, antialias);
  return interpolate(x, scale_factor, [=](ShapeElem length, double scale) {
    return antialias ? antialias_taps(length, scale, triangle_kernel, 1) : linear_taps(length, scale, align_corners);
  });
}

array upsample_cubic(const array& x, const std::vector<double>& scale_factor, bool align_corners, bool antialias) {
  check_antialias(align_corners, antialias);
  return interpolate(x, scale_factor, [=](ShapeElem length, double scale) {
    return antialias ? antialias_taps(length, scale, cubic_kernel, 2) : cubic_taps(length, scale, align_corners);
  });
}

Upsample::Upsample(std::variant<double, std::vector<double>> scale, std::string method, bool corners, bool smooth)
    : scale_factor(std::move(scale)), mode(std::move(method)), align_corners(corners), antialias(smooth) {
  if (mode != "nearest" && mode != "linear" && mode != "cubic") {
    fail_as<std::invalid_argument>("[Upsample] the mode is nearest, linear or cubic, not {}", mica::quoted(mode));
  }
  if (antialias && mode == "nearest") {
    fail_as<std::invalid_argument>("[Upsample] there is no antialias for nearest neighbours");
  }
  check_antialias(align_corners, antialias);
}

array Upsample::operator()(const array& x) const {
  const auto* all = std::get_if<double>(&scale_factor);
  const std::vector<double> scales =
      all ? std::vector<double>(x.ndim() > 2 ? x.ndim() - 2 : 0, *all) : std::get<std::vector<double>>(scale_factor);
  if (mode == "nearest") return upsample_nearest(x, scales);
  return mode == "linear" ? upsample_linear(x, scales, align_corners, antialias)
                          : upsample_cubic(x, scales, align_corners, antialias);
}

}  // namespace mica::nn
