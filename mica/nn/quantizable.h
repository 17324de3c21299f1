#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "mica/nn/module.h"

namespace mica::nn {

/// How weights are quantized. group_size and bits default to the mode's own: affine 64 and 4, mxfp4 32 and 4, nvfp4 16
/// and 4, mxfp8 32 and 8.
struct QuantizeOptions {
  std::optional<int> group_size = std::nullopt;
  std::optional<int> bits = std::nullopt;
  std::string mode = "affine";
  /// Quantize the inputs of products, too (modes nvfp4 and mxfp8).
  bool quantize_input = false;
};

/// A layer that has a quantized form.
class Quantizable {
 public:
  virtual ~Quantizable() = default;
  /// The quantized layer that can take this one's place. Throws std::invalid_argument when the options do not fit.
  virtual ModulePtr to_quantized(const QuantizeOptions& options) const = 0;

 protected:
  Quantizable() = default;
  Quantizable(const Quantizable&) = default;
  Quantizable& operator=(const Quantizable&) = default;
};

/// Whether to quantize the module at a path, and how if not as the call says.
using QuantizePredicate = std::function<std::variant<bool, QuantizeOptions>(const std::string&, const Module&)>;

/// Replaces the layers of the model for which the predicate holds (all that are Quantizable) by their quantized forms.
/// Throws std::invalid_argument when the predicate chooses a layer that has none.
void quantize(Module& model, const QuantizeOptions& options = {}, const QuantizePredicate& predicate = nullptr);

}  // namespace mica::nn
