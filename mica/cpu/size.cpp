#include "mica/ops/size.h"

#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

void number_of_elements(const NumberOfElements& primitive, std::span<array> inputs, std::span<array> outputs) {
  double count = 1;
  for (const int axis : primitive.axes) count *= static_cast<double>(inputs[0].shape(axis));
  array& out = outputs[0];
  allocate(out);
  dispatch(out.dtype(),
           [&]<typename T>(T) { *out.data<T>() = element_cast<T>(primitive.inverted ? 1.0 / count : count); });
}

}  // namespace

void register_size(Backend& backend) {
  backend.add<NumberOfElements, number_of_elements>();
}

}  // namespace mica::cpu
