// vjp and what is made of it. A function is traced on aliases of its arguments; then cotangents are carried from its
// outputs back to them, node by node.
#include <algorithm>
#include <stdexcept>

#include "mica/array/evaluate.h"
#include "mica/array/primitive.h"
#include "mica/array/tracing.h"
#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/graph.h"
#include "mica/transforms/tape.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

/// The sums of what flows back to each array.
class Cotangents {
 public:
  void add(const array& to, const array& cotangent) {
    const array part = astype(cotangent, to.dtype());
    const auto [found, is_new] = sums_.try_emplace(to.id(), part);
    if (!is_new) found->second = mica::add(found->second, part);
  }

  bool has(const array& a) const { return sums_.contains(a.id()); }

  /// Zeros when nothing has come; the sum is dropped here.
  array take(const array& a) {
    const auto found = sums_.find(a.id());
    if (found == sums_.end()) return zeros_like(a);
    array sum = std::move(found->second);
    sums_.erase(found);
    return sum;
  }

 private:
  std::unordered_map<std::uintptr_t, array> sums_;
};

/// Carries the cotangents of results back to the arguments.
std::vector<array> pull_back(const std::vector<array>& arguments, const std::vector<array>& results,
                             const std::vector<array>& cotangents) {
  const Tape tape(arguments, results, Flow::derivatives);
  Cotangents sums;
  for (size_t i = 0; i < results.size(); ++i) {
    if (tape.depends(results[i])) sums.add(results[i], cotangents[i]);
  }
  for (size_t n = tape.nodes().size(); n-- > 0;) {
    const array& node = tape.nodes()[n];
    const std::vector<array> live = node.outputs();
    if (std::none_of(live.begin(), live.end(), [&](const array& output) { return sums.has(output); })) continue;
    std::vector<array> incoming;
    incoming.reserve(live.size());
    for (const array& output : live) incoming.push_back(sums.take(output));
    const std::vector<int> argnums = tape.dependent_inputs(node);
    const auto outgoing = node.primitive().vjp(node.inputs(), incoming, argnums, complete_outputs(node));
    for (size_t i = 0; i < argnums.size(); ++i) {
      sums.add(node.inputs()[static_cast<size_t>(argnums[i])], outgoing[i]);
    }
  }
  std::vector<array> gradients;
  gradients.reserve(arguments.size());
  for (const array& argument : arguments) gradients.push_back(sums.take(argument));
  return gradients;
}

bool is_stopped(const array& a) {
  const GraphLock lock;
  return a.has_primitive() && a.primitive().id() == StopGradient::static_id();
}

/// The arguments by which the gradient is wanted, ascending order not needed; throws when one is wrong.
std::vector<size_t> resolve_argnums(const std::vector<int>& argnums, size_t count) {
  if (argnums.empty()) fail_as<std::invalid_argument>("[grad] no argument named");
  std::vector<size_t> out;
  for (const int argnum : argnums) {
    const int wrapped = argnum < 0 ? argnum + static_cast<int>(count) : argnum;
    if (wrapped < 0 || wrapped >= static_cast<int>(count)) {
      fail_as<std::invalid_argument>("[grad] there is no argument {} among {}", argnum, count);
    }
    out.push_back(static_cast<size_t>(wrapped));
    if (std::count(out.begin(), out.end(), out.back()) > 1) {
      fail_as<std::invalid_argument>("[grad] argument {} is named twice", argnum);
    }
  }
  return out;
}

void check_loss(const std::vector<array>& outputs) {
  if (outputs.empty()) fail_as<std::invalid_argument>("[grad] the function returned nothing");
  if (outputs[0].ndim() != 0) {
    fail_as<std::invalid_argument>("[grad] the function must return a scalar, not an array of shape {}",
                                   to_string(outputs[0].shape()));
  }
}

using Function = std::function<std::vector<array>(const std::vector<array>&)>;

/// A function of one array as one of a vector.
Function as_vector_function(const std::function<array(const array&)>& fun) {
  return [fun](const std::vector<array>& inputs) { return std::vector<array>{fun(inputs[0])}; };
}

}  // namespace

std::pair<std::vector<array>, std::vector<array>> vjp(const Function& fun, const std::vector<array>& primals,
                                                      const std::vector<array>& cotangents) {
  const Tracing tracing;
  const std::vector<array> arguments = traced(primals);
  std::vector<array> outputs = fun(arguments);
  std::vector<array> results;
  for (const array& output : outputs) {
    if (!is_stopped(output)) results.push_back(output);
  }
  if (results.size() != cotangents.size()) {
    fail_as<std::invalid_argument>("[vjp] {} cotangents for {} outputs to differentiate", cotangents.size(),
                                   results.size());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].shape() != cotangents[i].shape()) {
      fail_as<std::invalid_argument>("[vjp] a cotangent of shape {} for an output of shape {}",
                                     to_string(cotangents[i].shape()), to_string(results[i].shape()));
    }
  }
  std::vector<array> gradients = pull_back(arguments, results, cotangents);
  return {std::move(outputs), std::move(gradients)};
}

std::pair<array, array> vjp(const std::function<array(const array&)>& fun, const array& primal,
                            const array& cotangent) {
  const auto [outputs, gradients] = vjp(as_vector_function(fun), {primal}, {cotangent});
  return {outputs[0], gradients[0]};
}

ValueAndGradFn value_and_grad(const Function& fun, const std::vector<int>& argnums) {
  return [fun, argnums](const std::vector<array>& inputs) {
    const std::vector<size_t> chosen = resolve_argnums(argnums, inputs.size());
    const Tracing tracing;
    std::vector<array> primals;
    primals.reserve(chosen.size());
    for (const size_t i : chosen) primals.push_back(inputs[i]);
    const std::vector<array> arguments = traced(primals);
    std::vector<array> all = inputs;
    for (size_t i = 0; i < chosen.size(); ++i) all[chosen[i]] = arguments[i];
    std::vector<array> outputs = fun(all);
    check_loss(outputs);
    std::vector<array> gradients = pull_back(arguments, {outputs[0]}, {array(1.0f)});
    return std::pair(std::move(outputs), std::move(gradients));
  };
}

std::function<std::pair<array, array>(const array&)> value_and_grad(const std::function<array(const array&)>& fun) {
  const ValueAndGradFn transformed = value_and_grad(as_vector_function(fun), std::vector<int>{0});
  return [transformed](const array& input) {
    const auto [outputs, gradients] = transformed({input});
    return std::pair(outputs[0], gradients[0]);
  };
}

SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    const std::vector<int>& argnums) {
  const Function wrapped = [fun](const std::vector<array>& inputs) { return std::vector<array>{fun(inputs)}; };
  const ValueAndGradFn transformed = value_and_grad(wrapped, argnums);
  return [transformed](const std::vector<array>& inputs) {
    auto [outputs, gradients] = transformed(inputs);
    return std::pair(outputs[0], std::move(gradients));
  };
}

std::function<std::vector<array>(const std::vector<array>&)> grad(
    const std::function<array(const std::vector<array>&)>& fun, const std::vector<int>& argnums) {
  const SimpleValueAndGradFn transformed = value_and_grad(fun, argnums);
  return [transformed](const std::vector<array>& inputs) { return transformed(inputs).second; };
}

std::function<array(const array&)> grad(const std::function<array(const array&)>& fun) {
  const auto transformed = value_and_grad(fun);
  return [transformed](const array& input) { return transformed(input).second; };
}

}  // namespace mica
