#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/base/error.h"
#include "mica/nn/module.h"

namespace mica::nn {

/// An array of a module under a name, as a member of its struct: `Parameter weight{this, "weight", ones({dims})};`.
/// Stands for the array in expressions. A name that starts with an underscore keeps it out of the parameters.
class Parameter {
 public:
  /// A place with no array in it yet, such as the bias of a layer that may do without.
  Parameter(Module* owner, std::string name) : Parameter(owner, std::move(name), Member()) {}
  Parameter(Module* owner, std::string name, array value)
      : Parameter(owner, std::move(name), Member(std::move(value))) {}
  Parameter(const Parameter&) = default;
  ~Parameter() = default;

  bool has_value() const { return std::holds_alternative<array>(slot_->value); }
  /// The array; throws std::invalid_argument when there is none.
  const array& get() const {
    if (!has_value()) fail_as<std::invalid_argument>("[Parameter] \"{}\" has no value", name_);
    return std::get<array>(slot_->value);
  }
  operator const array&() const { return get(); }  // NOLINT(google-explicit-constructor)
  const array* operator->() const { return &get(); }
  /// The array, if there is one.
  std::optional<array> optional() const { return has_value() ? std::optional<array>(get()) : std::nullopt; }

  void set(array value) const { slot_->value = std::move(value); }
  void reset() const { slot_->value = std::monostate(); }
  Parameter& operator=(const array& value) {
    set(value);
    return *this;
  }
  /// Takes over the value of the other parameter.
  Parameter& operator=(const Parameter& other) {  // NOLINT(bugprone-unhandled-self-assignment)
    if (&other != this) slot_->value = other.slot_->value;
    return *this;
  }

 private:
  Parameter(Module* owner, std::string name, Member value)
      : name_(std::move(name)), slot_(owner->add_member(name_, std::move(value))) {}

  std::string name_;
  std::shared_ptr<Module::Slot> slot_;
};

namespace detail {

/// What a Child<T> holds: anything with T's interface, or T.
template <typename T>
using InterfaceOf = std::conditional_t<std::is_void_v<typename T::Interface>, T, typename T::Interface>;

template <typename T>
bool is_a(const Module& module) {
  return dynamic_cast<const T*>(&module) != nullptr;
}

}  // namespace detail

/// A module below a module, as a member of its struct: `Child<Linear> output{this, "output", 128, 10};`. It is called
/// as the layer is. Another layer with the same interface can take its place (Module::update_modules, quantize).
template <typename T>
class Child {
 public:
  using Interface = detail::InterfaceOf<T>;

  /// Makes the module from the arguments.
  template <typename... Args>
    requires std::constructible_from<T, Args...>
  Child(Module* owner, const std::string& name, Args&&... args)
      : slot_(owner->add_member(name, ModulePtr(std::make_shared<T>(std::forward<Args>(args)...)),
                                detail::is_a<Interface>)) {}
  Child(Module* owner, const std::string& name, T module)
    requires(!std::is_abstract_v<T>)
      : Child(owner, name, std::shared_ptr<Interface>(std::make_shared<T>(std::move(module)))) {}
  Child(Module* owner, const std::string& name, std::shared_ptr<Interface> module)
      : slot_(owner->add_member(name, ModulePtr(std::move(module)), detail::is_a<Interface>)) {}

  Interface& get() const { return static_cast<Interface&>(*std::get<ModulePtr>(slot_->value)); }
  Interface& operator*() const { return get(); }
  Interface* operator->() const { return &get(); }
  /// The module as a T, or null when another kind of layer has taken its place.
  T* as() const { return dynamic_cast<T*>(&get()); }

  template <typename... Args>
  auto operator()(Args&&... args) const -> decltype(get()(std::forward<Args>(args)...)) {
    return get()(std::forward<Args>(args)...);
  }

 private:
  std::shared_ptr<Module::Slot> slot_;
};

/// A list of modules under one name: `ChildList<Block> layers{this, "layers"};`, their paths are layers.0, layers.1 ….
template <typename T>
class ChildList {
 public:
  using Interface = detail::InterfaceOf<T>;

  ChildList(Module* owner, const std::string& name)
      : slot_(owner->add_member(name, std::vector<ModulePtr>(), detail::is_a<Interface>)) {}

  template <typename... Args>
  void emplace_back(Args&&... args) {
    push_back(std::make_shared<T>(std::forward<Args>(args)...));
  }
  void push_back(std::shared_ptr<Interface> module) { items().push_back(std::move(module)); }

  size_t size() const { return items().size(); }
  Interface& operator[](size_t i) const { return static_cast<Interface&>(*items().at(i)); }

  /// Goes over the modules in order.
  class Iterator {
   public:
    explicit Iterator(std::vector<ModulePtr>::const_iterator place) : place_(place) {}
    Interface& operator*() const { return static_cast<Interface&>(**place_); }
    Iterator& operator++() {
      ++place_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    std::vector<ModulePtr>::const_iterator place_;
  };
  Iterator begin() const { return Iterator(items().begin()); }
  Iterator end() const { return Iterator(items().end()); }

 private:
  std::vector<ModulePtr>& items() const { return std::get<std::vector<ModulePtr>>(slot_->value); }

  std::shared_ptr<Module::Slot> slot_;
};

}  // namespace mica::nn
