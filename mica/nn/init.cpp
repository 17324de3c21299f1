#include "mica/nn/init.h"

#include <cmath>
#include <utility>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg.h"
#include "mica/ops/random.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica::nn::init {
namespace {

struct Fans {
  double in;
  double out;
};

Fans fans_of(const array& a) {
  if (a.ndim() < 2) {
    fail_as<std::invalid_argument>("[init] fan-in and fan-out need 2 axes; the shape is {}", to_string(a.shape()));
  }
  Fans fans{static_cast<double>(a.shape(-1)), static_cast<double>(a.shape(0))};
  for (size_t i = 1; i + 1 < a.ndim(); ++i) {
    fans.in *= static_cast<double>(a.shape()[i]);
    fans.out *= static_cast<double>(a.shape()[i]);
  }
  return fans;
}

void check_matrix(const array& a, const char* name) {
  if (a.ndim() != 2) {
    fail_as<std::invalid_argument>("[init::{}] a matrix is wanted; the shape is {}", name, to_string(a.shape()));
  }
}

array normal_of(const array& a, double std, Dtype dtype) {
  return random::normal(a.shape(), dtype, 0.0f, static_cast<float>(std));
}

array uniform_of(const array& a, double limit, Dtype dtype) {
  return random::uniform(static_cast<float>(-limit), static_cast<float>(limit), a.shape(), dtype);
}

}  // namespace

Initializer constant(float value, Dtype dtype) {
  return [=](const array& a) { return full(a.shape(), value, dtype); };
}

Initializer normal(float mean, float std, Dtype dtype) {
  return [=](const array& a) { return random::normal(a.shape(), dtype, mean, std); };
}

Initializer uniform(float low, float high, Dtype dtype) {
  return [=](const array& a) { return random::uniform(low, high, a.shape(), dtype); };
}

Initializer identity(Dtype dtype) {
  return [=](const array& a) {
    check_matrix(a, "identity");
    if (a.shape(0) != a.shape(1)) {
      fail_as<std::invalid_argument>("[init::identity] {} is not square", to_string(a.shape()));
    }
    return eye(static_cast<int>(a.shape(0)), dtype);
  };
}

Initializer sparse(double sparsity, float mean, float std, Dtype dtype) {
  return [=](const array& a) {
    check_matrix(a, "sparse");
    const ShapeElem columns = a.shape(1);
    const auto zero_count = static_cast<ShapeElem>(std::ceil(sparsity * static_cast<double>(columns)));
    const array order = argsort(random::uniform(a.shape()), 1);
    const array values = random::normal(a.shape(), dtype, mean, std);
    const array zeroed = slice(order, {0, 0}, {a.shape(0), zero_count});
    return put_along_axis(values, zeroed, array(0.0f, dtype), 1);
  };
}

array Glorot::operator()(const array& a, float gain) const {
  const Fans fans = fans_of(a);
  const double total = fans.in + fans.out;
  return is_normal ? normal_of(a, gain * std::sqrt(2.0 / total), dtype)
                   : uniform_of(a, gain * std::sqrt(6.0 / total), dtype);
}

Glorot glorot_normal(Dtype dtype) {
  return {true, dtype};
}

Glorot glorot_uniform(Dtype dtype) {
  return {false, dtype};
}

array He::operator()(const array& a, const std::string& mode, float gain) const {
  if (mode != "fan_in" && mode != "fan_out") {
    fail_as<std::invalid_argument>("[init::he] the mode is fan_in or fan_out, not {}", mica::quoted(mode));
  }
  const Fans fans = fans_of(a);
  const double fan = mode == "fan_in" ? fans.in : fans.out;
  return is_normal ? normal_of(a, gain / std::sqrt(fan), dtype) : uniform_of(a, gain * std::sqrt(3.0 / fan), dtype);
}

He he_normal(Dtype dtype) {
  return {true, dtype};
}

He he_uniform(Dtype dtype) {
  return {false, dtype};
}

Initializer orthogonal(float gain, Dtype dtype) {
  return [=](const array& a) {
    check_matrix(a, "orthogonal");
    const ShapeElem n = std::max(a.shape(0), a.shape(1));
    const auto [q, r] = linalg::qr(random::normal({n, n}));
    const array signed_q = slice(q * sign(diag(r)), {0, 0}, a.shape());
    return astype(signed_q * array(gain), dtype);
  };
}

}  // namespace mica::nn::init
