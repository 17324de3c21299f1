#pragma once

// A layer of tests/fixtures/nn.json and how it is called.

#include <functional>
#include <memory>
#include <vector>

#include "mica/nn/nn.h"

namespace mica::test {

using Inputs = std::vector<array>;

/// A module and how it is called.
struct Case {
  std::shared_ptr<nn::Module> module;
  std::function<array(const Inputs&)> call;
};
using Maker = std::function<Case()>;

/// A module, called by `call(module, inputs)`.
template <typename M, typename Call>
Case made(M module, const Call& call) {
  auto shared = std::make_shared<M>(std::move(module));
  return {shared, [shared, call](const Inputs& in) { return call(*shared, in); }};
}

/// A module that takes one input.
template <typename M>
Case unary(M module) {
  return made(std::move(module), [](const auto& m, const Inputs& in) { return m(in[0]); });
}

template <typename F>
Maker function(const F& f) {
  return [f] { return made(nn::Identity(), [f](const auto&, const Inputs& in) { return f(in); }); };
}

}  // namespace mica::test
