#include "mica/nn/quantized.h"

#include <array>
#include <cmath>

#include "mica/nn/tree_functions.h"
#include "mica/nn/uniform_init.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/quantized.h"

namespace mica::nn {
namespace {

struct ModeDefaults {
  std::string_view mode;
  int group_size;
  int bits;
};

constexpr std::array<ModeDefaults, 4> kModes{{{"affine", 64, 4}, {"mxfp4", 32, 4}, {"nvfp4", 16, 4}, {"mxfp8", 32, 8}}};

const ModeDefaults& defaults_of(const std::string& mode) {
  for (const ModeDefaults& defaults : kModes) {
    if (defaults.mode == mode) return defaults;
  }
  fail_as<std::invalid_argument>("[quantize] the mode is affine, mxfp4, nvfp4 or mxfp8, not {}", mica::quoted(mode));
}

int group_size_of(const QuantizeOptions& options) {
  return options.group_size.value_or(defaults_of(options.mode).group_size);
}

int bits_of(const QuantizeOptions& options) {
  return options.bits.value_or(defaults_of(options.mode).bits);
}

/// Quantizes into a layer's parameters.
template <typename Layer>
void set_quantized(const Layer& layer, const array& dense) {
  const std::vector<array> parts = mica::quantize(dense, layer.group_size, layer.bits, layer.mode);
  layer.weight.set(parts[0]);
  layer.scales.set(parts[1]);
  if constexpr (requires { layer.biases; }) {
    if (parts.size() > 2) layer.biases.set(parts[2]);
  }
}

}  // namespace

void quantize(Module& model, const QuantizeOptions& options, const QuantizePredicate& predicate) {
  ModuleTree leaves = tree_map_with_path(
      [&](const std::string& path, const ModulePtr& module) -> ModulePtr {
        const auto* layer = dynamic_cast<const Quantizable*>(module.get());
        std::variant<bool, QuantizeOptions> choice = layer != nullptr;
        if (predicate) choice = predicate(path, *module);
        const bool* chosen = std::get_if<bool>(&choice);
        if (chosen && !*chosen) return module;
        if (!layer) fail_as<std::invalid_argument>("[quantize] {} is a layer that has no quantized form", path);
        return layer->to_quantized(chosen ? options : std::get<QuantizeOptions>(choice));
      },
      model.leaf_modules());
  model.update_modules(leaves);
}

QuantizedLinear::QuantizedLinear(const array& dense_weight, const std::optional<array>& dense_bias,
                                 const QuantizeOptions& options)
    : group_size(group_size_of(options)),
      bits(bits_of(options)),
      mode(options.mode),
      weight(this, "weight"),
      scales(this, "scales"),
      biases(this, "biases"),
      bias(this, "bias") {
  set_quantized(*this, dense_weight);
  if (dense_bias) bias.set(*dense_bias);
  freeze();
}

QuantizedLinear::QuantizedLinear(int input_dims, int output_dims, bool with_bias, const QuantizeOptions& options)
    : QuantizedLinear(detail::uniform_weight(input_dims, {output_dims, input_dims}),
                      with_bias ? std::optional(zeros({output_dims})) : std::nullopt, options) {}

QuantizedLinear QuantizedLinear::from_linear(const Linear& layer, const QuantizeOptions& options) {
  return QuantizedLinear(layer.weight, layer.bias.optional(), options);
}

array QuantizedLinear::product(const array& x) const {
  return quantized_matmul(x, weight, scales, biases.optional(), true, group_size, bits, mode);
}

array QuantizedLinear::operator()(const array& x) const {
  const array y = product(x);
  return bias.has_value() ? y + bias : y;
}

QuantizedEmbedding::QuantizedEmbedding(const array& table, const QuantizeOptions& options)
    : group_size(group_size_of(options)),
      bits(bits_of(options)),
      mode(options.mode),
      weight(this, "weight"),
      scales(this, "scales"),
      biases(this, "biases") {
  set_quantized(*this, table);
  freeze();
}

QuantizedEmbedding::QuantizedEmbedding(int num_embeddings, int dims, const QuantizeOptions& options)
    : QuantizedEmbedding(Embedding(num_embeddings, dims).weight, options) {}

QuantizedEmbedding QuantizedEmbedding::from_embedding(const Embedding& layer, const QuantizeOptions& options) {
  return {layer.weight, options};
}

array QuantizedEmbedding::operator()(const array& x) const {
  std::optional<array> row_biases;
  if (biases.has_value()) row_biases = take(biases, x, 0);
  return mica::dequantize(take(weight, x, 0), take(scales, x, 0), row_biases, group_size, bits, mode);
}

array QuantizedEmbedding::as_linear(const array& x) const {
  return quantized_matmul(x, weight, scales, biases.optional(), true, group_size, bits, mode);
}

QQLinear::QQLinear(const array& dense_weight, const QuantizeOptions& options)
    : group_size(group_size_of(options)),
      bits(bits_of(options)),
      mode(options.mode),
      weight(this, "weight", dense_weight),
      scales(this, "scales") {}

QQLinear::QQLinear(int input_dims, int output_dims, const QuantizeOptions& options)
    : QQLinear(detail::uniform_weight(input_dims, {output_dims, input_dims}), options) {}

QQLinear QQLinear::from_linear(const Linear& layer, const QuantizeOptions& options) {
  if (layer.bias.has_value()) fail_as<std::invalid_argument>("[QQLinear] layers with bias are not supported");
  QQLinear out(layer.weight.get(), options);
  out.train(layer.training());
  return out;
}

array QQLinear::operator()(const array& x) const {
  return qqmm(x, weight, scales.optional(), group_size, bits, mode);
}

void QQLinear::set_training_mode(bool training_mode) {
  Module::set_training_mode(training_mode);
  if (!training_mode && !scales.has_value()) {
    set_quantized(*this, weight);
  } else if (training_mode && scales.has_value()) {
    weight.set(mica::dequantize(weight, scales, std::nullopt, group_size, bits, mode));
    scales.reset();
  }
}

}  // namespace mica::nn
