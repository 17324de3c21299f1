#pragma once

#include "mica/nn/member.h"
#include "mica/nn/quantizable.h"

namespace mica::nn {

/// Gives back its input; takes and ignores any arguments of the layer whose place it holds.
struct Identity : UnaryModule {
  template <typename... Args>
  explicit Identity(const Args&... /*unused*/) {}
  array operator()(const array& x) const override { return x; }
};

/// x wᵀ + b: x [..., input_dims] → [..., output_dims]. Parameters: weight [output_dims, input_dims], bias
/// [output_dims], uniform in ±1/√input_dims at first.
struct Linear : UnaryModule, Quantizable {
  Linear(int input_dims, int output_dims, bool bias = true);
  array operator()(const array& x) const override;
  /// A QuantizedLinear, or with `quantize_input` a QQLinear, of the same weights.
  ModulePtr to_quantized(const QuantizeOptions& options) const override;

  Parameter weight;
  Parameter bias;
};

/// x1 Wₖ x2 + bₖ for each k: x1 [..., input1_dims], x2 [..., input2_dims] → [..., output_dims]. Parameters: weight
/// [output_dims, input2_dims, input1_dims], bias [output_dims].
struct Bilinear : Module {
  Bilinear(int input1_dims, int input2_dims, int output_dims, bool bias = true);
  array operator()(const array& x1, const array& x2) const;

  Parameter weight;
  Parameter bias;
};

}  // namespace mica::nn
