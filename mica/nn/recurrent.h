#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "mica/nn/activations.h"
#include "mica/nn/member.h"

namespace mica::nn {

// Recurrent layers over the next to last axis: x [..., T, input_size] → hidden states [..., T, hidden_size]. `hidden`
// [..., hidden_size] is the state before the first step; without it the first step has no recurrent part. All
// parameters are uniform in ±1/√hidden_size at first.

/// h = f(Wxh x + Whh h + bias), f being tanh unless given (https://en.wikipedia.org/wiki/Recurrent_neural_network).
/// Parameters: Wxh [hidden, input], Whh [hidden, hidden], bias [hidden].
struct RNN : Module {
  RNN(int input_size, int hidden_size, bool bias = true, std::function<array(const array&)> nonlinearity = nn::tanh);
  array operator()(const array& x, std::optional<array> hidden = std::nullopt) const;

  std::function<array(const array&)> nonlinearity;
  Parameter Wxh;
  Parameter Whh;
  Parameter bias;
};

/// Gated recurrent unit (https://arxiv.org/abs/1406.1078). Parameters: Wx [3 hidden, input], Wh [3 hidden, hidden], b
/// [3 hidden] for reset, update and new gates; bhn [hidden], the new gate's recurrent bias.
struct GRU : Module {
  GRU(int input_size, int hidden_size, bool bias = true);
  array operator()(const array& x, std::optional<array> hidden = std::nullopt) const;

  int hidden_size;
  Parameter Wx;
  Parameter Wh;
  Parameter b;
  Parameter bhn;
};

/// Long short-term memory (https://www.bioinf.jku.at/publications/older/2604.pdf). Parameters: Wx [4 hidden, input], Wh
/// [4 hidden, hidden], bias [4 hidden] for input, forget, cell and output gates. Gives hidden and cell states, both
/// [..., T, hidden].
struct LSTM : Module {
  LSTM(int input_size, int hidden_size, bool bias = true);
  std::pair<array, array> operator()(const array& x, std::optional<array> hidden = std::nullopt,
                                     std::optional<array> cell = std::nullopt) const;

  Parameter Wx;
  Parameter Wh;
  Parameter bias;
};

}  // namespace mica::nn
