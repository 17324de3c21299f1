#pragma once

#include "mica/nn/member.h"
#include "mica/nn/quantizable.h"

namespace mica::nn {

/// A table of vectors, dense or quantized, that is also used as a matrix (tied output layers).
class EmbeddingTable : public UnaryModule {
 public:
  using Interface = EmbeddingTable;
  /// x · weightᵀ: x [..., dims] → [..., num_embeddings].
  virtual array as_linear(const array& x) const = 0;

 protected:
  EmbeddingTable() = default;
  EmbeddingTable(const EmbeddingTable&) = default;
};

/// Rows of a table: integers [...] → [..., dims]. Parameter: weight [num_embeddings, dims], normal with standard
/// deviation 1/√dims at first.
struct Embedding : EmbeddingTable, Quantizable {
  Embedding(int num_embeddings, int dims);
  array operator()(const array& x) const override;
  array as_linear(const array& x) const override;
  ModulePtr to_quantized(const QuantizeOptions& options) const override;

  Parameter weight;
};

}  // namespace mica::nn
