#pragma once

#include <concepts>
#include <iosfwd>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mica/array/array.h"

namespace mica {

/// Names of arrays in printed graphs: those that were set, and A, B … Z, AA … for the others in the order in which they
/// are asked for.
struct NodeNamer {
  std::unordered_map<std::uintptr_t, std::string> names;

  const std::string& get_name(const array& x);
  void set_name(const array& x, std::string name);
};

/// Lists the graph that is still to be computed: its inputs, then a line for each operation in an order in which they
/// can be computed, then the outputs.
void print_graph(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs);

/// The same graph in the language of Graphviz: `dot -Tsvg` draws it.
void export_to_dot(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs);

/// The same with names of its own.
inline void print_graph(std::ostream& os, const std::vector<array>& outputs) {
  print_graph(os, NodeNamer{}, outputs);
}
inline void export_to_dot(std::ostream& os, const std::vector<array>& outputs) {
  export_to_dot(os, NodeNamer{}, outputs);
}

/// The same of arrays one by one.
template <typename... Arrays>
  requires(std::same_as<std::remove_cvref_t<Arrays>, array> && ...)
void print_graph(std::ostream& os, Arrays&&... outputs) {
  print_graph(os, NodeNamer{}, std::vector<array>{std::forward<Arrays>(outputs)...});
}
template <typename... Arrays>
  requires(std::same_as<std::remove_cvref_t<Arrays>, array> && ...)
void print_graph(std::ostream& os, NodeNamer namer, Arrays&&... outputs) {
  print_graph(os, std::move(namer), std::vector<array>{std::forward<Arrays>(outputs)...});
}
template <typename... Arrays>
  requires(std::same_as<std::remove_cvref_t<Arrays>, array> && ...)
void export_to_dot(std::ostream& os, Arrays&&... outputs) {
  export_to_dot(os, NodeNamer{}, std::vector<array>{std::forward<Arrays>(outputs)...});
}
template <typename... Arrays>
  requires(std::same_as<std::remove_cvref_t<Arrays>, array> && ...)
void export_to_dot(std::ostream& os, NodeNamer namer, Arrays&&... outputs) {
  export_to_dot(os, std::move(namer), std::vector<array>{std::forward<Arrays>(outputs)...});
}

}  // namespace mica
