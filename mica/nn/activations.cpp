#include "mica/nn/activations.h"

#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// A number of x's own dtype, also for integers.
array same_type(double value, const array& x) {
  return array(value, x.dtype());
}

array (*gelu_named(const std::string& approx))(const array&) {
  if (approx == "none") return gelu;
  if (approx == "precise" || approx == "tanh") return gelu_approx;
  if (approx == "fast") return gelu_fast_approx;
  fail_as<std::invalid_argument>("[GELU] approx is none, precise, tanh or fast, not {}", mica::quoted(approx));
}

}  // namespace

array relu(const array& x) {
  return maximum(x, same_type(0, x));
}

array relu2(const array& x) {
  return square(relu(x));
}

array relu6(const array& x) {
  return minimum(relu(x), Weak(6));
}

array leaky_relu(const array& x, float negative_slope) {
  return maximum(Weak(negative_slope) * x, x);
}

array elu(const array& x, float alpha) {
  return where(x > same_type(0, x), x, Weak(alpha) * (exp(x) - Weak(1)));
}

array selu(const array& x) {
  return elu(x, 1.67326f) * Weak(1.0507);
}

array celu(const array& x, float alpha) {
  return maximum(x, Weak(0)) + Weak(alpha) * (exp(minimum(x, Weak(0)) / Weak(alpha)) - Weak(1));
}

array prelu(const array& x, const array& alpha) {
  return maximum(same_type(0, x), x) + alpha * minimum(same_type(0, x), x);
}

array sigmoid(const array& x) {
  return mica::sigmoid(x);
}

array log_sigmoid(const array& x) {
  return -softplus(-x);
}

array tanh(const array& x) {
  return mica::tanh(x);
}

array softplus(const array& x) {
  return logaddexp(x, same_type(0, x));
}

array softsign(const array& x) {
  return x / (Weak(1) + abs(x));
}

array softshrink(const array& x, float lambd) {
  const array level = Weak(lambd).like(x);
  return where(abs(x) > level, x - sign(x) * level, same_type(0, x));
}

array hard_shrink(const array& x, float lambd) {
  return where(abs(x) > Weak(lambd).like(x), x, same_type(0, x));
}

array hardswish(const array& x) {
  const array ramp = minimum(maximum(x + same_type(3, x), same_type(0, x)), same_type(6, x));
  return x * ramp / Weak(6);
}

array hard_tanh(const array& x, float min_val, float max_val) {
  return minimum(maximum(x, Weak(min_val)), Weak(max_val));
}

array silu(const array& x) {
  return mica::silu(x);
}

array mish(const array& x) {
  return x * mica::tanh(softplus(x));
}

array gelu(const array& x) {
  return gelu_exact(x);
}

array gelu_approx(const array& x) {
  return gelu_tanh(x);
}

array gelu_fast_approx(const array& x) {
  return x * mica::sigmoid(Weak(1.702) * x);
}

array glu(const array& x, int axis) {
  const std::vector<array> halves = split(x, 2, axis);
  return halves[0] * mica::sigmoid(halves[1]);
}

array step(const array& x, float threshold) {
  return where(x >= Weak(threshold).like(x), array(1), array(0));
}

array softmax(const array& x, int axis) {
  return mica::softmax(x, axis);
}

array softmin(const array& x, int axis) {
  return mica::softmax(-x, axis);
}

array log_softmax(const array& x, int axis) {
  const array shifted = x - stop_gradient(max(x, axis, true));
  return shifted - logsumexp(shifted, axis, true);
}

PReLU::PReLU(int num_parameters, float init) : weight(this, "weight", full({num_parameters}, init)) {}

GELU::GELU(const std::string& approx) : function(gelu_named(approx)) {}

}  // namespace mica::nn
