#include "mica/optim/adafactor.h"

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::optim {
namespace {

array root_mean_square(const array& x) {
  return sqrt(mean(square(x)));
}

/// A shape without one axis, counted from the end.
Shape without(const Shape& shape, size_t from_end) {
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i + from_end != shape.size()) out.push_back(shape[i]);
  }
  return out;
}

}  // namespace

Adafactor::Adafactor(const AdafactorOptions& options) : Optimizer(options.learning_rate), options_(options) {
  if (!options.relative_step && !options.learning_rate) {
    fail_as<std::invalid_argument>("[Adafactor] without relative_step a learning rate is needed");
  }
}

void Adafactor::init_single(const array& parameter, Tree& state) const {
  if (parameter.ndim() >= 2) {
    state["exp_avg_sq_row"] = zeros(without(parameter.shape(), 1), parameter.dtype());
    state["exp_avg_sq_col"] = zeros(without(parameter.shape(), 2), parameter.dtype());
  } else {
    state["exp_avg_sq"] = zeros_like(parameter);
  }
  if (options_.beta_1) state["exp_avg"] = zeros_like(parameter);
}

array Adafactor::rate_of(const array& parameter_rms) const {
  array rate = options_.relative_step ? rsqrt(step()) : learning_rate();
  if (options_.relative_step) {
    rate = minimum(options_.warmup_init ? Weak(1e-6) * step() : array(0.01f), rate);
  }
  rate = astype(rate, parameter_rms.dtype());
  return options_.scale_parameter ? maximum(parameter_rms, Weak(options_.eps[1])) * rate : rate;
}

array Adafactor::normalized(const array& gradient, const array& beta_2, Tree& state) const {
  const array squares = square(gradient) + Weak(options_.eps[0]);
  const auto running = [&](const char* name, const array& value) {
    const array mean_square = beta_2 * state[name].leaf() + (Weak(1) - beta_2) * value;
    state[name] = mean_square;
    return mean_square;
  };
  if (gradient.ndim() < 2) return rsqrt(running("exp_avg_sq", squares)) * gradient;
  const array row = running("exp_avg_sq_row", mean(squares, -1));
  const array column = running("exp_avg_sq_col", mean(squares, -2));
  const array row_factor = rsqrt(row / mean(row, -1, true));
  return expand_dims(row_factor, -1) * expand_dims(rsqrt(column), -2) * gradient;
}

array Adafactor::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const array parameter_rms = root_mean_square(parameter);
  const array rate = rate_of(parameter_rms);
  const array decay = astype(power(step(), array(options_.decay_rate)), parameter_rms.dtype());
  array update = normalized(gradient, Weak(1) - decay, state);
  update = update / maximum(root_mean_square(update) / Weak(options_.clip_threshold), Weak(1));
  update = rate * update;
  if (options_.beta_1) {
    update = Weak(*options_.beta_1) * state["exp_avg"].leaf() + Weak(1 - *options_.beta_1) * update;
    state["exp_avg"] = update;
  }
  const array kept =
      options_.weight_decay != 0 ? parameter + parameter * (Weak(-options_.weight_decay) * rate) : parameter;
  return kept - update;
}

}  // namespace mica::optim
