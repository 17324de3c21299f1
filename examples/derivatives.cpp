// A function and its first two derivatives, by automatic differentiation at all places at once.

#include <fmt/core.h>

#include "examples/plot.h"
#include "mica/mica.h"

using namespace mica;

namespace {

std::vector<double> values_of(array a) {
  a.eval();
  std::vector<double> out;
  out.reserve(a.size());
  for (size_t i = 0; i < a.size(); ++i) out.push_back(static_cast<double>(a.data<float>()[i]));
  return out;
}

double largest_difference(const array& a, const array& b) {
  return max(abs(a - b)).item<double>();
}

}  // namespace

int main() {
  // A function of one number; vmap makes it one of many.
  const std::function<array(const array&)> f = [](const array& x) { return sin(x) * exp(-0.1f * square(x)); };
  const array x = linspace(-5.0, 5.0, 288);
  const array y = vmap(f)(x);
  const array slope = contiguous(vmap(grad(f))(x));
  const array curvature = contiguous(vmap(grad(grad(f)))(x));

  fmt::print(
      "f(x) = sin(x) exp(-x²/10) for x from -5 to 5\n{}\n",
      examples::plot({{"f''", '.', values_of(curvature)}, {"f'", '+', values_of(slope)}, {"f", '#', values_of(y)}}, 72,
                     24));

  const array envelope = exp(-0.1f * square(x));
  const array by_hand = (cos(x) - 0.2f * x * sin(x)) * envelope;
  const array by_hand_twice = (-sin(x) - 0.4f * x * cos(x) - 0.2f * sin(x) + 0.04f * square(x) * sin(x)) * envelope;
  const double error = std::max(largest_difference(slope, by_hand), largest_difference(curvature, by_hand_twice));
  fmt::print("largest difference from the derivatives by hand: {:.1e}\n", error);
  return error < 1e-5 ? 0 : 1;
}
