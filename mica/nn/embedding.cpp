#include "mica/nn/embedding.h"

#include <cmath>

#include "mica/nn/quantized.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/random.h"
#include "mica/ops/shape.h"

namespace mica::nn {

Embedding::Embedding(int num_embeddings, int dims)
    : weight(this, "weight", random::normal({num_embeddings, dims}, 0.0f, static_cast<float>(std::sqrt(1.0 / dims)))) {}

array Embedding::operator()(const array& x) const {
  return take(weight, x, 0);
}

array Embedding::as_linear(const array& x) const {
  return matmul(x, transpose(weight));
}

ModulePtr Embedding::to_quantized(const QuantizeOptions& options) const {
  if (options.quantize_input) {
    fail_as<std::invalid_argument>("[Embedding::to_quantized] an embedding has no input to quantize");
  }
  return std::make_shared<QuantizedEmbedding>(QuantizedEmbedding::from_embedding(*this, options));
}

}  // namespace mica::nn
