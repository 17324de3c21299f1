#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "mica/io/safetensors.h"
#include "mica/ops/linear.h"

namespace mica::lm {

class Weights;

/// A model's weights as the processor's kernels stream them, kept in a file: a start maps it instead of packing every
/// matrix into fresh memory, and programs that run the same model share its pages. The file is in the safetensors
/// format, one tensor of bytes for each matrix that products read, and says which model it was made of.
class PackedWeights {
 public:
  /// Where the file of a model (folder or GGUF file) lies when nothing else is said: beside it, or in the folder.
  static std::filesystem::path default_path(const std::filesystem::path& model);

  /// Throws Error naming the file when it is not such a file, or made of other weights than `weights`.
  PackedWeights(const std::filesystem::path& path, const Weights& weights);

  /// Makes products with the matrix `module` read what the file has of it, if anything. Throws Error naming file and
  /// matrix when its size is wrong.
  void lend(const std::string& module, const StoredMatrix& matrix) const;

 private:
  Safetensors file_;
};

/// How pack_model goes about it.
struct PackOptions {
  /// The file to write; empty: default_path().
  std::filesystem::path output;
  /// Called after each matrix with the bytes written so far, and those of all.
  std::function<void(uint64_t done, uint64_t total)> on_progress;
  /// Asked before each matrix; true ends the work with an Error, and nothing is written.
  std::function<bool()> interrupted;
};

/// What pack_model has written.
struct PackedModel {
  std::filesystem::path path;
  uint64_t bytes = 0;
};

/// Writes the packed weights of a model folder or GGUF file, one matrix at a time; the file appears when it is whole.
/// Throws Error as load_model does, and when it cannot be written.
PackedModel pack_model(const std::filesystem::path& model, const PackOptions& options = {});

}  // namespace mica::lm
