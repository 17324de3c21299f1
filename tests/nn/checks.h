#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "mica/nn/tree_functions.h"

namespace mica::test {

inline std::vector<std::string> paths_of(const Tree& tree) {
  std::vector<std::string> out;
  for (const auto& item : tree_flatten(tree)) out.push_back(item.first);
  return out;
}

/// Runs f and gives back the message of what it throws.
template <typename F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace mica::test
