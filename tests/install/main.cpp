#include <iostream>

#include "mica/mica.h"

// The names that a program written for MLX uses.
namespace mlx {
namespace core = ::mica;
}
namespace mx = mlx::core;

int main() {
  const mx::array a = mx::reshape(mx::arange(6.0), {2, 3});
  const mx::array product = mx::matmul(a, mx::transpose(a));
  std::cout << mx::sum(product).item<float>() << "\n";
  return mx::sum(product).item<float>() == 83.0f ? 0 : 1;
}
