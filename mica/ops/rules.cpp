#include "mica/ops/rules.h"

#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {

array constant_like(double value, const array& a) {
  return array(value, a.dtype());
}

array sum_to_shape(const array& cotangent, const Shape& shape, StreamOrDevice s) {
  const size_t extra = cotangent.ndim() - shape.size();
  std::vector<int> axes;
  for (size_t i = 0; i < cotangent.ndim(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && cotangent.shape()[i] != 1)) axes.push_back(static_cast<int>(i));
  }
  return axes.empty() ? cotangent : reshape(sum(cotangent, axes, true, s), shape, s);
}

array sum_of(const std::vector<array>& terms, StreamOrDevice s) {
  array total = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) total = add(total, terms[i], s);
  return total;
}

}  // namespace mica
