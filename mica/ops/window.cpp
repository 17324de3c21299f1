#include "mica/ops/window.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace mica {
namespace {

/// The values of shape(place from 0 to 1), made in double precision.
template <typename Function>
array window(int length, Function shape) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(std::max(length, 0)));
  for (int n = 0; n < length; ++n) values.push_back(length == 1 ? 1.0 : shape(n / (length - 1.0)));
  return array(values.begin(), Shape{static_cast<ShapeElem>(values.size())}, float32);
}

double cosine(double turns) {
  return std::cos(2 * std::numbers::pi * turns);
}

}  // namespace

array hanning(int M, StreamOrDevice) {
  return window(M, [](double x) { return 0.5 - 0.5 * cosine(x); });
}
array hamming(int M, StreamOrDevice) {
  return window(M, [](double x) { return 0.54 - 0.46 * cosine(x); });
}
array bartlett(int M, StreamOrDevice) {
  return window(M, [](double x) { return 1 - std::abs(2 * x - 1); });
}
array blackman(int M, StreamOrDevice) {
  return window(M, [](double x) { return 0.42 - 0.5 * cosine(x) + 0.08 * cosine(2 * x); });
}

}  // namespace mica
