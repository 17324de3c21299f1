#include "mica/array/primitive.h"

#include <stdexcept>

#include "mica/base/error.h"

namespace mica {

bool Primitive::is_equivalent(const Primitive&) const {
  return false;
}

std::vector<array> Primitive::vjp(const std::vector<array>&, const std::vector<array>&, const std::vector<int>&,
                                  const std::vector<array>&) const {
  fail_as<std::invalid_argument>("[{}] has no gradient (vjp)", name());
}

std::vector<array> Primitive::jvp(const std::vector<array>&, const std::vector<array>&, const std::vector<int>&) const {
  fail_as<std::invalid_argument>("[{}] has no tangent (jvp)", name());
}

std::pair<std::vector<array>, std::vector<int>> Primitive::vmap(const std::vector<array>&,
                                                                const std::vector<int>&) const {
  fail_as<std::invalid_argument>("[{}] has no batching rule (vmap)", name());
}

}  // namespace mica
