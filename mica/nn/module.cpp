#include "mica/nn/module.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/io/array_files.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/elementwise.h"

namespace mica::nn {
namespace {

bool is_array(const Member& value) {
  return std::holds_alternative<array>(value);
}

std::string shape_of(const array& a) {
  return to_string(a.shape());
}

enum class WeightsFormat { safetensors, npz };

WeightsFormat format_of(const std::filesystem::path& file) {
  if (file.extension() == ".safetensors") return WeightsFormat::safetensors;
  if (file.extension() == ".npz") return WeightsFormat::npz;
  fail_as<std::invalid_argument>("[Module] {}: weights are in .safetensors or .npz files", file.string());
}

/// "a, b, c and 4 more".
std::string listed(const Keys& names) {
  constexpr size_t kShown = 8;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

}  // namespace

bool Module::valid_parameter_filter(const Module& /*module*/, const std::string& key, const Member& value) {
  return !std::holds_alternative<std::monostate>(value) && !key.starts_with('_');
}

bool Module::trainable_parameter_filter(const Module& module, const std::string& key, const Member& value) {
  return valid_parameter_filter(module, key, value) && !module.is_frozen(key);
}

bool Module::valid_child_filter(const Module& /*module*/, const std::string& /*key*/, const Member& value) {
  return std::holds_alternative<ModulePtr>(value) || std::holds_alternative<std::vector<ModulePtr>>(value);
}

std::shared_ptr<Module::Slot> Module::add_member(const std::string& name, Member value,
                                                 bool (*accepts)(const Module&)) {
  if (name.empty() || name.find('.') != std::string::npos) {
    fail_as<std::invalid_argument>("[Module] \"{}\" cannot name a member: names have no dots and are not empty", name);
  }
  if (slot(name)) fail_as<std::invalid_argument>("[Module] there are two members named \"{}\"", name);
  auto added = std::make_shared<Slot>(Slot{std::move(value), accepts});
  state_->members.emplace_back(name, added);
  return added;
}

Module::Slot* Module::slot(std::string_view name) const {
  for (const auto& [key, place] : state_->members) {
    if (key == name) return place.get();
  }
  return nullptr;
}

const Member* Module::member(std::string_view name) const {
  const Slot* place = slot(name);
  return place && !std::holds_alternative<std::monostate>(place->value) ? &place->value : nullptr;
}

Tree Module::filter_and_map(const Filter& filter, const MapFn& map) const {
  Tree out;
  for (const auto& [key, place] : state_->members) {
    const Member& value = place->value;
    if (!filter(*this, key, value)) continue;
    if (const auto* parameter = std::get_if<array>(&value)) {
      out.items().emplace_back(key, map ? map(*parameter) : *parameter);
    } else if (const auto* module = std::get_if<ModulePtr>(&value)) {
      out.items().emplace_back(key, (*module)->filter_and_map(filter, map));
    } else if (const auto* list = std::get_if<std::vector<ModulePtr>>(&value)) {
      Tree items = Tree::list();
      for (const ModulePtr& item : *list) {
        const bool wanted = filter(*this, key + "." + std::to_string(items.size()), Member(item));
        items.list_items().push_back(wanted ? item->filter_and_map(filter, map) : Tree());
      }
      out.items().emplace_back(key, std::move(items));
    }
  }
  return out;
}

Module& Module::update(const Tree& parameters, bool strict) {
  if (parameters.is_leaf() || (strict && parameters.is_list() && !parameters.empty())) {
    fail_as<std::invalid_argument>("[Module::update] a {} stands where the model has a module",
                                   parameters.is_leaf() ? "array" : "list");
  }
  if (parameters.is_list()) return *this;
  for (const auto& [key, item] : parameters.items()) {
    Slot* place = slot(key);
    if (!place || std::holds_alternative<std::monostate>(place->value)) {
      if (strict) fail_as<std::invalid_argument>("[Module::update] the module has no parameter \"{}\"", key);
    } else if (auto* module = std::get_if<ModulePtr>(&place->value)) {
      (*module)->update(item, strict);
    } else if (auto* list = std::get_if<std::vector<ModulePtr>>(&place->value)) {
      for (size_t i = 0; i < item.list_items().size(); ++i) {
        if (i < list->size()) {
          (*list)[i]->update(item.list_items()[i], strict);
        } else if (strict) {
          fail_as<std::invalid_argument>("[Module::update] \"{}\" has {} entries; there is no entry {}", key,
                                         list->size(), i);
        }
      }
    } else if (item.is_leaf()) {
      place->value = item.leaf();
    } else if (strict) {
      fail_as<std::invalid_argument>("[Module::update] \"{}\" is an array, not a module", key);
    }
  }
  return *this;
}

Module& Module::apply(const MapFn& map, const Filter& filter) {
  return update(filter_and_map(filter, map));
}

Module& Module::set_dtype(Dtype dtype, const std::function<bool(Dtype)>& predicate) {
  return apply([&](const array& a) {
    const bool wanted = predicate ? predicate(a.dtype()) : issubdtype(a.dtype(), floating);
    return wanted ? astype(a, dtype) : a;
  });
}

ModuleTree Module::children() const {
  ModuleTree out;
  for (const auto& [key, place] : state_->members) {
    if (const auto* module = std::get_if<ModulePtr>(&place->value)) {
      out.items().emplace_back(key, *module);
    } else if (const auto* list = std::get_if<std::vector<ModulePtr>>(&place->value)) {
      out.items().emplace_back(key, ModuleTree::list(ModuleTree::List(list->begin(), list->end())));
    }
  }
  return out;
}

ModuleTree Module::leaf_modules() const {
  const std::function<ModuleTree(const ModuleTree&)> leaves_of = [&](const ModuleTree& tree) {
    if (tree.is_leaf()) {
      const ModuleTree below = tree.leaf()->children();
      return tree_flatten(below).empty() ? tree : tree.leaf()->leaf_modules();
    }
    ModuleTree out = tree;
    if (out.is_list()) {
      for (ModuleTree& item : out.list_items()) item = leaves_of(item);
    } else {
      for (auto& item : out.items()) item.second = leaves_of(item.second);
    }
    return out;
  };
  return leaves_of(children());
}

Module& Module::update_modules(const ModuleTree& modules, bool strict) {
  const auto put = [strict](Slot& place, ModulePtr& current, const ModuleTree& tree, const std::string& key) {
    if (!tree.is_leaf()) {
      current->update_modules(tree, strict);
      return;
    }
    if (!tree.leaf() || (place.accepts && !place.accepts(*tree.leaf()))) {
      fail_as<std::invalid_argument>(
          "[Module::update_modules] \"{}\" cannot be replaced by another kind of module: it "
          "is called in another way",
          key);
    }
    current = tree.leaf();
  };
  for (const auto& [key, item] : modules.items()) {
    Slot* place = slot(key);
    if (!place || is_array(place->value) || std::holds_alternative<std::monostate>(place->value)) {
      if (strict) fail_as<std::invalid_argument>("[Module::update_modules] the module has no module \"{}\"", key);
    } else if (auto* module = std::get_if<ModulePtr>(&place->value)) {
      put(*place, *module, item, key);
    } else {
      auto& list = std::get<std::vector<ModulePtr>>(place->value);
      for (size_t i = 0; i < item.list_items().size(); ++i) {
        if (i < list.size()) {
          put(*place, list[i], item.list_items()[i], key + "." + std::to_string(i));
        } else if (strict) {
          fail_as<std::invalid_argument>("[Module::update_modules] \"{}\" has {} entries; there is no entry {}", key,
                                         list.size(), i);
        }
      }
    }
  }
  return *this;
}

Module& Module::apply_to_modules(const std::function<void(const std::string&, Module&)>& fn) {
  for (const auto& [path, module] : named_modules()) fn(path, *module);
  return *this;
}

std::vector<Module*> Module::modules() {
  const auto named = named_modules();
  std::vector<Module*> out;
  out.reserve(named.size());
  for (const auto& item : named) out.push_back(item.second);
  return out;
}

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> out = {{"", this}};
  for (const auto& [key, child] : tree_flatten(children())) {
    for (const auto& [path, module] : child->named_modules()) {
      out.emplace_back(path.empty() ? key : fmt::format("{}.{}", key, path), module);
    }
  }
  return out;
}

Keys Module::own_array_names() const {
  Keys out;
  for (const auto& [key, place] : state_->members) {
    if (is_array(place->value) && valid_parameter_filter(*this, key, place->value)) out.push_back(key);
  }
  return out;
}

void Module::check_keys(const Keys& keys, bool recurse) {
  const std::vector<Module*> searched = recurse ? modules() : std::vector<Module*>{this};
  for (const std::string& key : keys) {
    const auto has_key = [&key](const Module* module) { return module->member(key) != nullptr; };
    if (std::none_of(searched.begin(), searched.end(), has_key)) {
      fail_as<std::invalid_argument>("[Module::freeze] there is no member \"{}\"", key);
    }
  }
}

Module& Module::freeze(bool recurse, const Keys& keys, bool strict) {
  if (strict) check_keys(keys, recurse);
  for (Module* module : recurse ? modules() : std::vector<Module*>{this}) {
    const Keys names = keys.empty() ? module->own_array_names() : keys;
    module->state_->frozen.insert(names.begin(), names.end());
  }
  return *this;
}

Module& Module::unfreeze(bool recurse, const Keys& keys, bool strict) {
  if (strict) check_keys(keys, recurse);
  for (Module* module : recurse ? modules() : std::vector<Module*>{this}) {
    std::set<std::string>& frozen = module->state_->frozen;
    if (keys.empty()) frozen.clear();
    for (const std::string& key : keys) frozen.erase(key);
    const Keys kept = module->never_trained();
    frozen.insert(kept.begin(), kept.end());
  }
  return *this;
}

Module& Module::train(bool mode) {
  for (Module* module : modules()) module->set_training_mode(mode);
  return *this;
}

Module& Module::load_weights(const std::filesystem::path& file, bool strict) {
  const auto arrays =
      format_of(file) == WeightsFormat::npz ? load_npz(file.string()) : load_safetensors(file.string()).first;
  std::vector<std::pair<std::string, array>> weights(arrays.begin(), arrays.end());
  return load_weights(weights, strict);
}

Module& Module::load_weights(const std::vector<std::pair<std::string, array>>& weights, bool strict) {
  if (strict) {
    std::map<std::string, array> given(weights.begin(), weights.end());
    Keys missing;
    for (const auto& [path, value] : tree_flatten(parameters())) {
      const auto found = given.find(path);
      if (found == given.end()) {
        missing.push_back(path);
        continue;
      }
      if (found->second.shape() != value.shape()) {
        fail_as<std::invalid_argument>("[Module::load_weights] {} has shape {}, the model's has {}", path,
                                       shape_of(found->second), shape_of(value));
      }
      given.erase(found);
    }
    Keys extra;
    extra.reserve(given.size());
    for (const auto& item : given) extra.push_back(item.first);
    if (!extra.empty()) {
      fail_as<std::invalid_argument>("[Module::load_weights] {} arrays that the model does not have: {}", extra.size(),
                                     listed(extra));
    }
    if (!missing.empty()) {
      fail_as<std::invalid_argument>("[Module::load_weights] {} parameters are missing: {}", missing.size(),
                                     listed(missing));
    }
  }
  return weights.empty() ? *this : update(tree_unflatten(weights), false);
}

void Module::save_weights(const std::filesystem::path& file) const {
  const auto leaves = tree_flatten(parameters());
  const std::unordered_map<std::string, array> arrays(leaves.begin(), leaves.end());
  if (format_of(file) == WeightsFormat::npz) {
    savez(file.string(), arrays);
  } else {
    save_safetensors(file.string(), arrays, {{"format", "mlx"}});
  }
}

}  // namespace mica::nn
