#include "mica/nn/losses.h"

#include <cmath>
#include <numbers>

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::nn::losses {
namespace {

array reduced(const array& loss, const std::string& reduction) {
  if (reduction == "none") return loss;
  if (reduction == "mean") return mean(loss);
  if (reduction == "sum") return sum(loss);
  fail_as<std::invalid_argument>("[loss] the reduction is none, mean or sum, not {}", mica::quoted(reduction));
}

void check_same_shape(const array& a, const array& b, const char* loss) {
  if (a.shape() != b.shape()) {
    fail_as<std::invalid_argument>("[{}] the shapes {} and {} differ", loss, to_string(a.shape()),
                                   to_string(b.shape()));
  }
}

array weighted(const array& loss, const std::optional<array>& weights, const char* name) {
  if (!weights) return loss;
  check_same_shape(*weights, loss, name);
  return loss * *weights;
}

/// inputs[index] along the axis, which goes away.
array picked(const array& inputs, const array& index, int axis) {
  return squeeze(take_along_axis(inputs, expand_dims(index, axis), axis), axis);
}

void check_targets(const array& logits, const array& targets, int axis) {
  Shape wanted = logits.shape();
  if (targets.ndim() != logits.ndim()) {
    const auto place = static_cast<size_t>(normalize_axis(axis, logits.ndim(), "cross_entropy"));
    Shape shorter;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (i != place) shorter.push_back(wanted[i]);
    }
    wanted = shorter;
  }
  if (targets.shape() != wanted) {
    fail_as<std::invalid_argument>("[cross_entropy] targets of shape {} do not fit logits of shape {}",
                                   to_string(targets.shape()), to_string(logits.shape()));
  }
}

array norm_of(const array& x, int axis) {
  return sqrt(sum(square(x), axis));
}

}  // namespace

array cross_entropy(const array& logits, const array& targets, const CrossEntropyOptions& options) {
  const int axis = options.axis;
  const float smoothing = options.label_smoothing;
  if (smoothing < 0 || smoothing >= 1) {
    fail_as<std::invalid_argument>("[cross_entropy] label smoothing {} is not in [0, 1)", smoothing);
  }
  check_targets(logits, targets, axis);
  const array shifted = logits - stop_gradient(max(logits, axis, true));
  const bool probabilities = targets.ndim() == logits.ndim();
  const array score = probabilities ? sum(shifted * targets, axis) : picked(shifted, targets, axis);
  array loss = logsumexp(shifted, axis);
  if (smoothing > 0) {
    loss = loss - Weak(1.0 - smoothing) * score - mean(shifted, axis) * Weak(smoothing);
  } else {
    loss = loss - score;
  }
  return reduced(weighted(loss, options.weights, "cross_entropy"), options.reduction);
}

array binary_cross_entropy(const array& inputs, const array& targets, const BinaryCrossEntropyOptions& options) {
  check_same_shape(inputs, targets, "binary_cross_entropy");
  const auto cut_log = [](const array& x) { return maximum(log(x), Weak(-100)); };
  const array loss = options.with_logits
                         ? logaddexp(Weak(0).like(inputs), inputs) - inputs * targets
                         : -(targets * cut_log(inputs) + (Weak(1) - targets) * cut_log(Weak(1) - inputs));
  return reduced(weighted(loss, options.weights, "binary_cross_entropy"), options.reduction);
}

array l1_loss(const array& predictions, const array& targets, const std::string& reduction) {
  check_same_shape(predictions, targets, "l1_loss");
  return reduced(abs(predictions - targets), reduction);
}

array mse_loss(const array& predictions, const array& targets, const std::string& reduction) {
  check_same_shape(predictions, targets, "mse_loss");
  return reduced(square(predictions - targets), reduction);
}

array nll_loss(const array& inputs, const array& targets, int axis, const std::string& reduction) {
  return reduced(-picked(inputs, targets, axis), reduction);
}

array gaussian_nll_loss(const array& inputs, const array& targets, const array& vars, bool full, float eps,
                        const std::string& reduction) {
  check_same_shape(inputs, targets, "gaussian_nll_loss");
  check_same_shape(inputs, vars, "gaussian_nll_loss");
  const array v = maximum(vars, Weak(eps));
  array loss = Weak(0.5) * (log(v) + square(targets - inputs) / v);
  if (full) loss = loss + Weak(0.5 * std::log(2 * std::numbers::pi));
  return reduced(loss, reduction);
}

array kl_div_loss(const array& inputs, const array& targets, int axis, const std::string& reduction) {
  return reduced(sum(exp(targets) * (targets - inputs), axis), reduction);
}

array smooth_l1_loss(const array& predictions, const array& targets, float beta, const std::string& reduction) {
  check_same_shape(predictions, targets, "smooth_l1_loss");
  const array distance = abs(predictions - targets);
  const array near = Weak(0.5) * square(distance) / Weak(beta);
  return reduced(where(distance < Weak(beta).like(distance), near, distance - Weak(0.5 * beta)), reduction);
}

array triplet_loss(const array& anchors, const array& positives, const array& negatives,
                   const TripletOptions& options) {
  const auto distance = [&](const array& other) {
    const array terms = power(abs(anchors - other), array(options.p));
    const array total = sum(terms, options.axis) + Weak(options.eps);
    return power(total, Weak(1.0 / options.p).like(total));
  };
  const array loss = maximum(distance(positives) - distance(negatives) + Weak(options.margin), Weak(0));
  return reduced(loss, options.reduction);
}

array hinge_loss(const array& inputs, const array& targets, const std::string& reduction) {
  return reduced(maximum(Weak(1) - inputs * targets, Weak(0)), reduction);
}

array huber_loss(const array& inputs, const array& targets, float delta, const std::string& reduction) {
  const array distance = abs(inputs - targets);
  const array inner = minimum(distance, Weak(delta));
  return reduced(Weak(0.5) * square(inner) + Weak(delta) * (distance - inner), reduction);
}

array log_cosh_loss(const array& inputs, const array& targets, const std::string& reduction) {
  const array errors = inputs - targets;
  return reduced(logaddexp(errors, -errors) - Weak(std::numbers::ln2), reduction);
}

array cosine_similarity_loss(const array& x1, const array& x2, int axis, float eps, const std::string& reduction) {
  const array lengths = norm_of(x1, axis) * norm_of(x2, axis);
  return reduced(sum(x1 * x2, axis) / maximum(lengths, Weak(eps)), reduction);
}

array margin_ranking_loss(const array& inputs1, const array& inputs2, const array& targets, float margin,
                          const std::string& reduction) {
  check_same_shape(inputs1, inputs2, "margin_ranking_loss");
  check_same_shape(inputs1, targets, "margin_ranking_loss");
  return reduced(maximum(-targets * (inputs1 - inputs2) + Weak(margin), Weak(0)), reduction);
}

}  // namespace mica::nn::losses
