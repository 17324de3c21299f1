#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/array/evaluate.h"
#include "mica/nn/tree.h"

namespace mica {

// The functions of mlx.utils. MLX's `is_leaf` has no place here: what a leaf is follows from the type of the tree.

namespace detail {

inline std::string child_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

/// The item of another tree that stands where `key` is in the first; it must be there.
template <typename U>
const BasicTree<U>& matching(const BasicTree<U>& tree, const std::string& key, const std::string& path) {
  const BasicTree<U>* item = tree.find(key);
  if (!item) fail_as<std::invalid_argument>("[tree_map] the second tree has no \"{}\"", child_path(path, key));
  return *item;
}

inline void add_leaves(std::vector<array>& out, const array& a) {
  out.push_back(a);
}
inline void add_leaves(std::vector<array>& out, const Tree& tree) {
  if (tree.is_leaf()) {
    out.push_back(tree.leaf());
  } else if (tree.is_list()) {
    for (const Tree& item : tree.list_items()) add_leaves(out, item);
  } else {
    for (const auto& item : tree.items()) add_leaves(out, item.second);
  }
}

}  // namespace detail

/// Computes the arrays of trees, and arrays beside them: eval(loss, model.parameters(), optimizer.state()).
template <typename... Parts>
  requires(std::is_same_v<Parts, Tree> || ...)
void eval(const Parts&... parts) {
  std::vector<array> arrays;
  (detail::add_leaves(arrays, parts), ...);
  eval(arrays);
}

/// The tree with fn(path, leaf, others…) in place of each leaf. The other trees have at least the leaves of the first;
/// fn gets the leaves that stand at the same path. Throws std::invalid_argument when one is missing.
template <typename F, typename T, typename... Us>
auto tree_map_with_path(const F& fn, const BasicTree<T>& tree, const std::string& path, const BasicTree<Us>&... rest) {
  using Result = BasicTree<std::decay_t<std::invoke_result_t<F, const std::string&, const T&, const Us&...>>>;
  if (tree.is_leaf()) return Result(fn(path, tree.leaf(), rest.leaf()...));
  Result out;
  if (tree.is_list()) {
    out = Result::list();
    for (size_t i = 0; i < tree.size(); ++i) {
      const std::string key = std::to_string(i);
      out.list_items().push_back(tree_map_with_path(fn, tree.list_items()[i], detail::child_path(path, key),
                                                    detail::matching(rest, key, path)...));
    }
  } else {
    for (const auto& [key, item] : tree.items()) {
      out.items().emplace_back(
          key, tree_map_with_path(fn, item, detail::child_path(path, key), detail::matching(rest, key, path)...));
    }
  }
  return out;
}
template <typename F, typename T, typename... Us>
auto tree_map_with_path(const F& fn, const BasicTree<T>& tree, const BasicTree<Us>&... rest) {
  return tree_map_with_path(fn, tree, std::string(), rest...);
}

/// The tree with fn(leaf, others…) in place of each leaf.
template <typename F, typename T, typename... Us>
auto tree_map(const F& fn, const BasicTree<T>& tree, const BasicTree<Us>&... rest) {
  const auto without_path = [&fn](const std::string&, const T& leaf, const Us&... others) {
    return fn(leaf, others...);
  };
  return tree_map_with_path(without_path, tree, std::string(), rest...);
}

/// Every leaf with its path, in the order of the tree. Empty lists and dictionaries leave nothing behind.
template <typename T>
std::vector<std::pair<std::string, T>> tree_flatten(const BasicTree<T>& tree, const std::string& prefix = "") {
  std::vector<std::pair<std::string, T>> out;
  tree_map_with_path(
      [&out](const std::string& path, const T& leaf) {
        out.emplace_back(path, leaf);
        return 0;
      },
      tree, prefix);
  return out;
}

/// The tree whose leaves have those paths. Names that are all numbers make a list; places left out of it become empty
/// dictionaries.
template <typename T>
BasicTree<T> tree_unflatten(const std::vector<std::pair<std::string, T>>& leaves) {
  if (leaves.size() == 1 && leaves[0].first.empty()) return leaves[0].second;
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, T>>>> groups;
  std::map<std::string, size_t> positions;
  bool numbers = !leaves.empty();
  for (const auto& [path, leaf] : leaves) {
    const size_t dot = std::min(path.find('.'), path.size());
    const std::string key = path.substr(0, dot);
    const auto [position, added] = positions.emplace(key, groups.size());
    if (added) groups.emplace_back(key, std::vector<std::pair<std::string, T>>());
    groups[position->second].second.emplace_back(path.substr(std::min(dot + 1, path.size())), leaf);
    const bool leading_zero = key.size() > 1 && key[0] == '0';
    numbers = numbers && !key.empty() && key.size() < 7 && !leading_zero &&
              key.find_first_not_of("0123456789") == std::string::npos;
  }
  if (!numbers) {
    BasicTree<T> out;
    for (const auto& [key, items] : groups) out.items().emplace_back(key, tree_unflatten(items));
    return out;
  }
  auto out = BasicTree<T>::list();
  for (const auto& [key, items] : groups) {
    const size_t index = std::stoul(key);
    if (out.size() <= index) out.list_items().resize(index + 1);
    out.list_items()[index] = tree_unflatten(items);
  }
  return out;
}

/// fn(… fn(fn(initial, first leaf), second leaf) …).
template <typename F, typename T, typename A>
A tree_reduce(const F& fn, const BasicTree<T>& tree, A initial) {
  std::optional<A> result(std::move(initial));
  for (const auto& item : tree_flatten(tree)) {
    A next = fn(*result, item.second);
    result.emplace(std::move(next));
  }
  return *std::move(result);
}

/// A tree with the leaves of both. Where both have one, merge(a, b) stands; without `merge` that throws
/// std::invalid_argument, as does a list where the other has a dictionary.
template <typename T>
BasicTree<T> tree_merge(const BasicTree<T>& a, const BasicTree<T>& b,
                        const std::function<T(const T&, const T&)>& merge = nullptr) {
  if (b.empty()) return a;
  if (a.empty()) return b;
  if (a.is_dict() && b.is_dict()) {
    BasicTree<T> out = a;
    for (const auto& [key, item] : b.items()) out[key] = tree_merge(out[key], item, merge);
    return out;
  }
  if (a.is_list() && b.is_list()) {
    BasicTree<T> out = a;
    for (size_t i = 0; i < b.size(); ++i) {
      if (i == out.size()) out.list_items().emplace_back();
      out.list_items()[i] = tree_merge(out.list_items()[i], b.list_items()[i], merge);
    }
    return out;
  }
  if (a.is_leaf() && b.is_leaf() && merge) return merge(a.leaf(), b.leaf());
  fail_as<std::invalid_argument>("[tree_merge] both trees have something at one place{}",
                                 merge ? ", and not two leaves" : " and there is no merge function");
}

}  // namespace mica
