#include "mica/nn/recurrent.h"

#include "mica/nn/uniform_init.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

using detail::uniform_weight;

/// x wᵀ (+ bias) for all steps at once, cut into steps.
std::vector<array> input_parts(const array& x, const Parameter& w, const Parameter& bias) {
  if (x.ndim() < 2 || x.shape(-2) == 0) {
    fail_as<std::invalid_argument>("[recurrent] the input [..., T, features] has shape {}", to_string(x.shape()));
  }
  const array transposed = transpose(w);
  return unstack(bias.has_value() ? addmm(bias, x, transposed) : matmul(x, transposed), -2);
}

}  // namespace

RNN::RNN(int input_size, int hidden_size, bool with_bias, std::function<array(const array&)> function)
    : nonlinearity(std::move(function)),
      Wxh(this, "Wxh", uniform_weight(hidden_size, {hidden_size, input_size})),
      Whh(this, "Whh", uniform_weight(hidden_size, {hidden_size, hidden_size})),
      bias(this, "bias") {
  if (!nonlinearity) fail_as<std::invalid_argument>("[RNN] the nonlinearity is not a function");
  if (with_bias) bias.set(uniform_weight(hidden_size, {hidden_size}));
}

array RNN::operator()(const array& x, std::optional<array> hidden) const {
  const array recurrent = transpose(Whh);
  std::vector<array> states;
  for (const array& part : input_parts(x, Wxh, bias)) {
    hidden = nonlinearity(hidden ? addmm(part, *hidden, recurrent) : part);
    states.push_back(*hidden);
  }
  return stack(states, -2);
}

GRU::GRU(int input_size, int hidden, bool with_bias)
    : hidden_size(hidden),
      Wx(this, "Wx", uniform_weight(hidden, {3 * hidden, input_size})),
      Wh(this, "Wh", uniform_weight(hidden, {3 * hidden, hidden})),
      b(this, "b"),
      bhn(this, "bhn") {
  if (!with_bias) return;
  b.set(uniform_weight(hidden, {3 * hidden}));
  bhn.set(uniform_weight(hidden, {hidden}));
}

array GRU::operator()(const array& x, std::optional<array> hidden) const {
  const array recurrent = transpose(Wh);
  std::vector<array> states;
  for (const array& part : input_parts(x, Wx, b)) {
    const std::vector<array> from_input = split(part, 3, -1);
    array reset = from_input[0];
    array update = from_input[1];
    std::optional<array> new_recurrent = bhn.optional();
    if (hidden) {
      const std::vector<array> from_hidden = split(matmul(*hidden, recurrent), 3, -1);
      reset = reset + from_hidden[0];
      update = update + from_hidden[1];
      new_recurrent = new_recurrent ? from_hidden[2] + *new_recurrent : from_hidden[2];
    }
    const array r = mica::sigmoid(reset);
    const array z = mica::sigmoid(update);
    const array n = mica::tanh(new_recurrent ? from_input[2] + r * *new_recurrent : from_input[2]);
    const array added = (Weak(1) - z) * n;
    hidden = hidden ? added + z * *hidden : added;
    states.push_back(*hidden);
  }
  return stack(states, -2);
}

LSTM::LSTM(int input_size, int hidden_size, bool with_bias)
    : Wx(this, "Wx", uniform_weight(hidden_size, {4 * hidden_size, input_size})),
      Wh(this, "Wh", uniform_weight(hidden_size, {4 * hidden_size, hidden_size})),
      bias(this, "bias") {
  if (with_bias) bias.set(uniform_weight(hidden_size, {4 * hidden_size}));
}

std::pair<array, array> LSTM::operator()(const array& x, std::optional<array> hidden, std::optional<array> cell) const {
  const array recurrent = transpose(Wh);
  std::vector<array> hidden_states;
  std::vector<array> cell_states;
  for (const array& part : input_parts(x, Wx, bias)) {
    const std::vector<array> gates = split(hidden ? addmm(part, *hidden, recurrent) : part, 4, -1);
    const array added = mica::sigmoid(gates[0]) * mica::tanh(gates[2]);
    cell = cell ? mica::sigmoid(gates[1]) * *cell + added : added;
    hidden = mica::sigmoid(gates[3]) * mica::tanh(*cell);
    hidden_states.push_back(*hidden);
    cell_states.push_back(*cell);
  }
  return {stack(hidden_states, -2), stack(cell_states, -2)};
}

}  // namespace mica::nn
