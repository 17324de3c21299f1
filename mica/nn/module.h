#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mica/array/array.h"
#include "mica/nn/tree.h"

namespace mica::nn {

class Module;
/// A module that is shared, and trees of them.
using ModulePtr = std::shared_ptr<Module>;
using ModuleTree = BasicTree<ModulePtr>;

/// What a module has under a name: nothing (yet), an array, a module, or a list of modules.
using Member = std::variant<std::monostate, array, ModulePtr, std::vector<ModulePtr>>;

/// Names of parameters; empty stands for all.
using Keys = std::vector<std::string>;

/// A layer or model: arrays and other modules under names, the names of MLX's layers, so that weights interchange.
///
/// A model is a struct with members of the types Parameter, Child and ChildList (member.h):
///
///     struct Mlp : nn::Module {
///       nn::Child<nn::Linear> hidden{this, "hidden", 784, 128};
///       nn::Child<nn::Linear> output{this, "output", 128, 10};
///       array operator()(const array& x) const { return output(nn::relu(hidden(x))); }
///     };
///
/// A module is a handle, as an array is: a copy has the same parameters, children and training mode (they are shared),
/// so that a model passed by value or put into a Sequential stays the model that it was. Modules are not assigned.
/// Constness is that of the handle, too: a const module's parameters can be set.
class Module {
 public:
  virtual ~Module() = default;
  Module& operator=(const Module&) = delete;

  /// The type that a Child holds; layers that can take each other's place share one (UnaryModule).
  using Interface = void;

  /// Chooses members: (the module that has it, its name, what it is). Items of lists are asked for as "name.0" ….
  using Filter = std::function<bool(const Module&, const std::string&, const Member&)>;
  using MapFn = std::function<array(const array&)>;

  /// Arrays, and what may hold them; not those whose names start with an underscore.
  static bool valid_parameter_filter(const Module& module, const std::string& key, const Member& value);
  /// The same without frozen ones.
  static bool trainable_parameter_filter(const Module& module, const std::string& key, const Member& value);
  /// Modules and lists of them.
  static bool valid_child_filter(const Module& module, const std::string& key, const Member& value);

  /// All arrays, and those that are not frozen, as a tree.
  Tree parameters() const { return filter_and_map(valid_parameter_filter); }
  Tree trainable_parameters() const { return filter_and_map(trainable_parameter_filter); }
  /// The arrays for which the filter holds, mapped.
  Tree filter_and_map(const Filter& filter, const MapFn& map = nullptr) const;

  /// Sets the arrays that the tree has. With `strict`, a name that the module does not have throws
  /// std::invalid_argument; otherwise it is left out.
  Module& update(const Tree& parameters, bool strict = true);
  /// Replaces the arrays for which the filter holds (all) by map(array).
  Module& apply(const MapFn& map, const Filter& filter = valid_parameter_filter);
  /// Converts the parameters whose dtype fits the predicate: floating ones, unless it says otherwise.
  Module& set_dtype(Dtype dtype, const std::function<bool(Dtype)>& predicate = nullptr);

  /// The modules right below this one, as a tree of their names.
  ModuleTree children() const;
  /// The modules below this one that have no modules themselves.
  ModuleTree leaf_modules() const;
  /// Puts other modules in the places that the tree names. A module that cannot stand in its place, or with `strict` a
  /// place that is not there, throws std::invalid_argument.
  Module& update_modules(const ModuleTree& modules, bool strict = true);
  /// Calls fn with this module (path "") and every one below it.
  Module& apply_to_modules(const std::function<void(const std::string&, Module&)>& fn);
  std::vector<Module*> modules();
  std::vector<std::pair<std::string, Module*>> named_modules();

  /// Takes arrays (all, or those of these names) out of, or back into, trainable_parameters(). With `strict`, a name
  /// that is nowhere throws std::invalid_argument.
  Module& freeze(bool recurse = true, const Keys& keys = {}, bool strict = false);
  Module& unfreeze(bool recurse = true, const Keys& keys = {}, bool strict = false);
  bool is_frozen(const std::string& key) const { return state_->frozen.contains(key); }

  /// Training or evaluation mode: dropout and batch normalization behave differently.
  Module& train(bool mode = true);
  Module& eval() { return train(false); }
  bool training() const { return state_->training; }

  /// Sets the parameters from a file (.safetensors or .npz) or from arrays under their paths. With `strict`, names and
  /// shapes must be exactly the module's; otherwise std::invalid_argument says what is missing or too much.
  Module& load_weights(const std::filesystem::path& file, bool strict = true);
  Module& load_weights(const std::vector<std::pair<std::string, array>>& weights, bool strict = true);
  /// Writes the parameters to a .safetensors or .npz file; another ending throws std::invalid_argument.
  void save_weights(const std::filesystem::path& file) const;

  /// A place for a member, shared by all copies of its module. For Parameter, Child and ChildList.
  struct Slot {
    Member value;
    /// Whether a module may be put here; null for arrays.
    bool (*accepts)(const Module&) = nullptr;
  };
  /// Adds a place; the name must be new, not empty and without dots (std::invalid_argument).
  std::shared_ptr<Slot> add_member(const std::string& name, Member value, bool (*accepts)(const Module&) = nullptr);
  /// What is under the name, or null.
  const Member* member(std::string_view name) const;

 protected:
  Module() : state_(std::make_shared<State>()) {}
  Module(const Module&) = default;

  /// Called by train(). A layer that changes with the mode overrides it and calls this one.
  virtual void set_training_mode(bool mode) { state_->training = mode; }
  /// Names that unfreeze() leaves frozen: statistics that are not trained.
  virtual Keys never_trained() const { return {}; }

 private:
  struct State {
    std::vector<std::pair<std::string, std::shared_ptr<Slot>>> members;
    std::set<std::string> frozen;
    bool training = true;
  };

  Slot* slot(std::string_view name) const;
  Keys own_array_names() const;
  void check_keys(const Keys& keys, bool recurse);

  std::shared_ptr<State> state_;
};

/// A module that makes one array of one array; such layers can take each other's place (a Linear's, a QuantizedLinear).
class UnaryModule : public Module {
 public:
  using Interface = UnaryModule;
  virtual array operator()(const array& x) const = 0;

 protected:
  UnaryModule() = default;
  UnaryModule(const UnaryModule&) = default;
};

}  // namespace mica::nn
