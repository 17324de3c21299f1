#pragma once

#include "mica/array/array.h"
#include "mica/nn/member.h"

namespace mica::nn {

// Activation functions, element by element unless an axis is named. The result has x's dtype (float32 for integers).

/// max(x, 0)
array relu(const array& x);
/// max(x, 0)²
array relu2(const array& x);
/// min(max(x, 0), 6)
array relu6(const array& x);
/// max(negative_slope · x, x)
array leaky_relu(const array& x, float negative_slope = 0.01f);
/// x where x > 0, else alpha · (exp(x) − 1)
array elu(const array& x, float alpha = 1.0f);
/// 1.0507 · elu(x, 1.67326) (https://arxiv.org/abs/1706.02515)
array selu(const array& x);
/// max(x, 0) + alpha · (exp(min(x, 0) / alpha) − 1)
array celu(const array& x, float alpha = 1.0f);
/// max(0, x) + alpha · min(0, x), alpha broadcast over the last axis
array prelu(const array& x, const array& alpha);
array sigmoid(const array& x);
/// log(sigmoid(x))
array log_sigmoid(const array& x);
array tanh(const array& x);
/// log(1 + exp(x))
array softplus(const array& x);
/// x / (1 + |x|)
array softsign(const array& x);
/// x − sign(x) · lambd where |x| > lambd, else 0
array softshrink(const array& x, float lambd = 0.5f);
/// x where |x| > lambd, else 0
array hard_shrink(const array& x, float lambd = 0.5f);
/// x · min(max(x + 3, 0), 6) / 6
array hardswish(const array& x);
/// x kept between the bounds
array hard_tanh(const array& x, float min_val = -1.0f, float max_val = 1.0f);
/// x · sigmoid(x)
array silu(const array& x);
/// x · tanh(softplus(x))
array mish(const array& x);
/// x · Φ(x), Φ being the standard normal distribution
array gelu(const array& x);
/// gelu with Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
array gelu_approx(const array& x);
/// x · sigmoid(1.702 x)
array gelu_fast_approx(const array& x);
/// a · sigmoid(b) for the halves a and b of x along the axis; its length must be even (std::invalid_argument)
array glu(const array& x, int axis = -1);
/// 1 where x ≥ threshold, else 0 (int32)
array step(const array& x, float threshold = 0.0f);
array softmax(const array& x, int axis = -1);
/// softmax(−x)
array softmin(const array& x, int axis = -1);
/// log(softmax(x)), without overflow
array log_softmax(const array& x, int axis = -1);

// The same as layers.

/// Makes a layer class of an activation without parameters.
#define MICA_ACTIVATION_LAYER(Name, function)         \
  struct Name : UnaryModule {                         \
    array operator()(const array& x) const override { \
      return function(x);                             \
    }                                                 \
  };
/// The function of the same name (in lower case) as a layer without parameters.
MICA_ACTIVATION_LAYER(ReLU, relu)
MICA_ACTIVATION_LAYER(ReLU2, relu2)
MICA_ACTIVATION_LAYER(ReLU6, relu6)
MICA_ACTIVATION_LAYER(SELU, selu)
MICA_ACTIVATION_LAYER(Sigmoid, nn::sigmoid)
MICA_ACTIVATION_LAYER(LogSigmoid, log_sigmoid)
MICA_ACTIVATION_LAYER(Tanh, nn::tanh)
MICA_ACTIVATION_LAYER(Softplus, softplus)
MICA_ACTIVATION_LAYER(Softsign, softsign)
MICA_ACTIVATION_LAYER(Hardswish, hardswish)
MICA_ACTIVATION_LAYER(HardTanh, hard_tanh)
MICA_ACTIVATION_LAYER(SiLU, nn::silu)
MICA_ACTIVATION_LAYER(Mish, mish)
MICA_ACTIVATION_LAYER(Softmax, nn::softmax)
MICA_ACTIVATION_LAYER(Softmin, softmin)
MICA_ACTIVATION_LAYER(LogSoftmax, log_softmax)
#undef MICA_ACTIVATION_LAYER

/// leaky_relu as a layer.
struct LeakyReLU : UnaryModule {
  explicit LeakyReLU(float slope = 0.01f) : negative_slope(slope) {}
  array operator()(const array& x) const override { return leaky_relu(x, negative_slope); }
  float negative_slope;
};

/// elu as a layer.
struct ELU : UnaryModule {
  explicit ELU(float scale = 1.0f) : alpha(scale) {}
  array operator()(const array& x) const override { return elu(x, alpha); }
  float alpha;
};

/// celu as a layer.
struct CELU : UnaryModule {
  explicit CELU(float scale = 1.0f) : alpha(scale) {}
  array operator()(const array& x) const override { return celu(x, alpha); }
  float alpha;
};

/// softshrink as a layer.
struct Softshrink : UnaryModule {
  explicit Softshrink(float threshold = 0.5f) : lambd(threshold) {}
  array operator()(const array& x) const override { return softshrink(x, lambd); }
  float lambd;
};

/// hard_shrink as a layer.
struct HardShrink : UnaryModule {
  explicit HardShrink(float threshold = 0.5f) : lambd(threshold) {}
  array operator()(const array& x) const override { return hard_shrink(x, lambd); }
  float lambd;
};

/// step as a layer.
struct Step : UnaryModule {
  explicit Step(float level = 0.0f) : threshold(level) {}
  array operator()(const array& x) const override { return step(x, threshold); }
  float threshold;
};

/// glu as a layer.
struct GLU : UnaryModule {
  explicit GLU(int split_axis = -1) : axis(split_axis) {}
  array operator()(const array& x) const override { return glu(x, axis); }
  int axis;
};

/// Parameter: weight [num_parameters], all `init` at first.
struct PReLU : UnaryModule {
  explicit PReLU(int num_parameters = 1, float init = 0.25f);
  array operator()(const array& x) const override { return prelu(x, weight); }
  Parameter weight;
};

/// approx: "none", "precise" or "tanh" (gelu_approx), "fast" (gelu_fast_approx); anything else throws
/// std::invalid_argument.
struct GELU : UnaryModule {
  explicit GELU(const std::string& approx = "none");
  array operator()(const array& x) const override { return function(x); }
  array (*function)(const array&);
};

}  // namespace mica::nn
