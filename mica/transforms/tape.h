#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mica/array/array.h"

namespace mica {

/// What of a traced graph a walk enters.
enum class Flow {
  values,      ///< everything that depends on the arguments, and what every call receives anew
  derivatives  ///< what derivatives flow through: floating point and complex numbers, and nothing behind stop_gradient
};

/// The part of a graph between arguments and results: the nodes by which the results depend on the arguments.
class Tape {
 public:
  /// `arguments` are marked with set_tracer(true) in the running trace.
  Tape(const std::vector<array>& arguments, const std::vector<array>& results, Flow flow);

  /// One output of every primitive on the way, each after what its inputs need.
  const std::vector<array>& nodes() const { return nodes_; }

  /// Whether the array is an argument or depends on one.
  bool depends(const array& a) const { return dependent_.contains(a.id()); }

  /// The numbers of the node's inputs that depend on an argument.
  std::vector<int> dependent_inputs(const array& node) const;

 private:
  void visit(const array& result, Flow flow);
  void leave(const array& node, Flow flow);

  std::unordered_set<std::uintptr_t> seen_;
  std::unordered_set<std::uintptr_t> dependent_;
  std::vector<array> nodes_;
};

/// Arguments of a function that is being traced: nodes of their own with the values of `inputs`.
std::vector<array> traced(const std::vector<array>& inputs);

/// All outputs of the node's primitive, also those that nobody holds any more.
std::vector<array> complete_outputs(const array& node);

}  // namespace mica
