#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mica/array/array.h"
#include "mica/base/error.h"

namespace mica {

/// A value that is a leaf, a list of trees, or a dictionary of trees in the order in which the names were added: what
/// nested lists and dictionaries are in MLX's Python. A place in a tree has a path such as "layers.0.weight".
template <typename T>
class BasicTree {
 public:
  using List = std::vector<BasicTree>;
  using Dict = std::vector<std::pair<std::string, BasicTree>>;

  /// The empty dictionary.
  BasicTree() = default;
  BasicTree(T leaf) : node_(std::in_place_index<2>, std::move(leaf)) {}  // NOLINT(google-explicit-constructor)
  static BasicTree list(List items = {}) { return BasicTree(std::in_place_index<1>, std::move(items)); }
  static BasicTree dict(Dict items = {}) { return BasicTree(std::in_place_index<0>, std::move(items)); }

  bool is_dict() const { return node_.index() == 0; }
  bool is_list() const { return node_.index() == 1; }
  bool is_leaf() const { return node_.index() == 2; }
  /// Whether this is a list or dictionary without items.
  bool empty() const { return !is_leaf() && size() == 0; }
  /// Items of a list or dictionary; 1 for a leaf.
  size_t size() const { return is_dict() ? items().size() : is_list() ? list_items().size() : 1; }

  /// The leaf itself; throws std::invalid_argument for a list or dictionary.
  const T& leaf() const {
    if (!is_leaf()) fail_as<std::invalid_argument>("[tree] a {} where a leaf is wanted", kind());
    return std::get<2>(node_);
  }
  T& leaf() { return const_cast<T&>(std::as_const(*this).leaf()); }

  /// The items of a dictionary or of a list; throw std::invalid_argument for anything else.
  const Dict& items() const {
    if (!is_dict()) fail_as<std::invalid_argument>("[tree] a {} where a dictionary is wanted", kind());
    return std::get<0>(node_);
  }
  Dict& items() { return const_cast<Dict&>(std::as_const(*this).items()); }
  const List& list_items() const {
    if (!is_list()) fail_as<std::invalid_argument>("[tree] a {} where a list is wanted", kind());
    return std::get<1>(node_);
  }
  List& list_items() { return const_cast<List&>(std::as_const(*this).list_items()); }

  /// The item under a name (of a list: under its index as text), or null.
  const BasicTree* find(std::string_view key) const {
    if (is_dict()) {
      for (const auto& [name, item] : items()) {
        if (name == key) return &item;
      }
    } else if (is_list()) {
      const size_t i = list_index(key);
      if (i < size()) return &list_items()[i];
    }
    return nullptr;
  }
  BasicTree* find(std::string_view key) { return const_cast<BasicTree*>(std::as_const(*this).find(key)); }
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// The item of a dictionary, added (empty) if it is not there.
  BasicTree& operator[](std::string_view key) {
    if (BasicTree* item = find(key)) return *item;
    items().emplace_back(std::string(key), BasicTree());
    return items().back().second;
  }

  /// The tree at a path; throws std::invalid_argument when there is none.
  const BasicTree& at(std::string_view path) const {
    const BasicTree* place = this;
    for (std::string_view rest = path; !rest.empty();) {
      const size_t dot = rest.find('.');
      place = place->find(rest.substr(0, dot));
      if (!place) fail_as<std::invalid_argument>("[tree] there is no \"{}\"", path);
      rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    return *place;
  }
  BasicTree& at(std::string_view path) { return const_cast<BasicTree&>(std::as_const(*this).at(path)); }

 private:
  template <size_t I, typename Items>
  BasicTree(std::in_place_index_t<I> index, Items items) : node_(index, std::move(items)) {}

  const char* kind() const { return is_dict() ? "dictionary" : is_list() ? "list" : "leaf"; }

  /// The number that `key` spells, or one past any list.
  static size_t list_index(std::string_view key) {
    if (key.empty() || key.size() > 9) return std::string_view::npos;
    size_t index = 0;
    for (const char c : key) {
      if (c < '0' || c > '9') return std::string_view::npos;
      index = index * 10 + static_cast<size_t>(c - '0');
    }
    return index;
  }

  std::variant<Dict, List, T> node_;
};

/// A tree of arrays: parameters, gradients, the state of an optimizer.
using Tree = BasicTree<array>;

}  // namespace mica
