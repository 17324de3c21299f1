#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "mica/nn/member.h"

namespace mica::nn {

/// A function as a layer, without parameters.
struct Lambda : UnaryModule {
  explicit Lambda(std::function<array(const array&)> fn) : function(std::move(fn)) {}
  array operator()(const array& x) const override { return function(x); }
  std::function<array(const array&)> function;
};

/// A layer, or a function of one array.
template <typename L>
concept LayerOrFunction = std::derived_from<L, UnaryModule> || std::is_invocable_r_v<array, const L&, const array&>;

/// Layers and functions applied one after the other: Sequential(Linear(4, 8), relu, Linear(8, 1)). Paths: layers.0 ….
struct Sequential : UnaryModule {
  template <LayerOrFunction... Layers>
    requires(sizeof...(Layers) > 1 || (!std::same_as<Layers, Sequential> && ...))
  explicit Sequential(Layers... modules) {
    (push_back(std::move(modules)), ...);
  }
  Sequential() = default;

  /// Adds a layer, or a function of one array.
  template <LayerOrFunction Layer>
  void push_back(Layer layer) {
    if constexpr (std::derived_from<Layer, UnaryModule>) {
      layers.push_back(std::make_shared<Layer>(std::move(layer)));
    } else {
      layers.push_back(std::make_shared<Lambda>(std::move(layer)));
    }
  }

  array operator()(const array& x) const override {
    array y = x;
    for (const UnaryModule& layer : layers) y = layer(y);
    return y;
  }

  ChildList<UnaryModule> layers{this, "layers"};
};

}  // namespace mica::nn
