#include "mica/nn/normalization.h"

#include <numeric>
#include <tuple>

#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

float checked(float eps, const char* layer) {
  if (!(eps > 0.0f)) fail_as<std::invalid_argument>("[{}] eps must be positive, not {}", layer, eps);
  return eps;
}

void set_affine(const Parameter& weight, const Parameter& bias, int dims) {
  weight.set(ones({dims}));
  bias.set(zeros({dims}));
}

array scaled(const array& x, const Parameter& weight, const Parameter& bias) {
  return weight.has_value() ? weight * x + bias : x;
}

}  // namespace

LayerNorm::LayerNorm(int dims, float epsilon, bool affine, bool with_bias)
    : eps(checked(epsilon, "LayerNorm")), weight(this, "weight"), bias(this, "bias") {
  if (affine) weight.set(ones({dims}));
  if (affine && with_bias) bias.set(zeros({dims}));
}

array LayerNorm::operator()(const array& x) const {
  return fast::layer_norm(x, weight.optional(), bias.optional(), eps);
}

RMSNorm::RMSNorm(int dims, float epsilon) : eps(checked(epsilon, "RMSNorm")), weight(this, "weight", ones({dims})) {}

array RMSNorm::operator()(const array& x) const {
  return fast::rms_norm(x, weight.get(), eps);
}

InstanceNorm::InstanceNorm(int dims, float epsilon, bool affine)
    : eps(checked(epsilon, "InstanceNorm")), weight(this, "weight"), bias(this, "bias") {
  if (affine) set_affine(weight, bias, dims);
}

array InstanceNorm::operator()(const array& x) const {
  if (x.ndim() < 3) {
    fail_as<std::invalid_argument>("[InstanceNorm] the input [N, ..., C] has at least 3 axes, not {}", x.ndim());
  }
  const array channels_first = moveaxis(x, -1, 1);
  const array rows = reshape(channels_first, {x.shape(0), x.shape(-1), -1});
  const array normal = fast::layer_norm(rows, std::nullopt, std::nullopt, eps);
  return scaled(moveaxis(reshape(normal, channels_first.shape()), 1, -1), weight, bias);
}

GroupNorm::GroupNorm(int groups, int dims, float epsilon, bool affine, bool like_pytorch)
    : num_groups(groups),
      eps(checked(epsilon, "GroupNorm")),
      pytorch_compatible(like_pytorch),
      bias(this, "bias"),
      weight(this, "weight") {
  if (groups <= 0 || dims <= 0 || dims % groups != 0) {
    fail_as<std::invalid_argument>("[GroupNorm] {} features cannot be divided into {} groups", dims, groups);
  }
  if (affine) set_affine(weight, bias, dims);
}

array GroupNorm::operator()(const array& x) const {
  const ShapeElem batch = x.shape(0);
  const ShapeElem group_size = x.shape(-1) / num_groups;
  array y = x;
  if (pytorch_compatible) {
    const array groups = transpose(reshape(x, {batch, -1, num_groups, group_size}), {0, 2, 1, 3});
    y = fast::layer_norm(reshape(groups, {batch, num_groups, -1}), std::nullopt, std::nullopt, eps);
    y = transpose(reshape(y, groups.shape()), {0, 2, 1, 3});
  } else {
    const array groups = reshape(x, {batch, -1, num_groups});
    y = (groups - mean(groups, 1, true)) * rsqrt(var(groups, 1, true) + Weak(eps));
  }
  return scaled(reshape(y, x.shape()), weight, bias);
}

BatchNorm::BatchNorm(int num_features, float epsilon, float running_momentum, bool affine, bool track_running_stats)
    : eps(checked(epsilon, "BatchNorm")),
      momentum(running_momentum),
      weight(this, "weight"),
      bias(this, "bias"),
      running_mean(this, "running_mean"),
      running_var(this, "running_var") {
  if (affine) set_affine(weight, bias, num_features);
  if (!track_running_stats) return;
  running_mean.set(zeros({num_features}));
  running_var.set(ones({num_features}));
  freeze(false, BatchNorm::never_trained());
}

Keys BatchNorm::never_trained() const {
  return {"running_mean", "running_var"};
}

array BatchNorm::operator()(const array& x) const {
  if (x.ndim() < 2 || x.ndim() > 4) {
    fail_as<std::invalid_argument>("[BatchNorm] the input has 2, 3 or 4 axes, not {}", x.ndim());
  }
  if (training() && x.size() == static_cast<size_t>(x.shape(-1))) {
    fail_as<std::invalid_argument>("[BatchNorm] training needs more than one value per channel");
  }
  std::vector<int> axes(x.ndim() - 1);
  std::iota(axes.begin(), axes.end(), 0);
  const bool tracked = running_mean.has_value();
  const bool own_statistics = training() || !tracked;
  const array center = own_statistics ? mean(x, axes) : running_mean.get();
  const array spread = own_statistics ? var(x, axes) : running_var.get();
  if (training() && tracked) {
    const Weak kept(1.0 - momentum);
    const Weak added(momentum);
    running_mean.set(kept * running_mean + added * center);
    running_var.set(kept * running_var + added * var(x, axes, false, 1));
  }
  return scaled((x - center) * rsqrt(spread + Weak(eps)), weight, bias);
}

}  // namespace mica::nn
