#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/config.h"
#include "mica/lm/packed_weights.h"
#include "mica/ops/linear.h"

namespace mica::lm {

/// The parameters of a checkpoint under MLX's paths ("model.layers.0.self_attn.q_proj.weight"), as views of the mapped
/// files. Blocks take what they need; every shape is checked, and what nobody took can be listed.
class Weights {
 public:
  /// `config` tells how quantized parameters are stored (its key quantization); it must outlive the object's use.
  explicit Weights(const Config& config) : config_(config) {}

  /// Instead of failing, makes up parameters that are missing: random codes of `bits` and `group_size` (MLX's affine
  /// form; 16 bits: bfloat16), vectors of ones. For measuring a model of any size without a file.
  void make_up_missing(int bits, int group_size);

  void add(const std::string& path, array value);
  /// A ggml block tensor [..., rows, cols].
  void add_blocks(const std::string& path, StoredMatrix matrix);

  bool has(const std::string& path) const;
  std::vector<std::string> paths() const;
  void rename(const std::string& from, const std::string& to);
  void drop(const std::string& path);

  /// A vector or small tensor in float32: norm weights, biases.
  array vector(const std::string& path, const Shape& shape);

  /// The matrix `module`.weight, dense or quantized, [rows, cols] or [experts, rows, cols], to be multiplied with.
  StoredMatrix matrix(const std::string& module, const Shape& shape);

  /// The same matrix, to take rows of.
  StoredMatrix table(const std::string& module, const Shape& shape);

  /// What matrix() has given, by module.
  const std::map<std::string, StoredMatrix>& matrices() const { return matrices_; }

  /// What matrix() gives is multiplied with in the form that is there.
  void use(PackedWeights packed) { packed_ = std::move(packed); }

  /// A number that tells these parameters from others: of their names, types, shapes and a few bytes of each.
  uint64_t fingerprint() const;

  /// Paths that were never asked for.
  std::vector<std::string> unused() const;

  /// Of all parameters as they are stored.
  uint64_t bytes() const;

  /// Name of the format that most values are stored in.
  std::string most_common_format() const;

  /// Stacks `module`.0 … `module`.(count − 1) with the tail `name` into one tensor `stacked`: experts that a checkpoint
  /// keeps apart.
  void stack_experts(const std::string& module, int count, const std::string& name, const std::string& stacked);

  /// Cuts `path` [..., rows, cols] in two behind the first `rows` rows.
  void split_rows(const std::string& path, int64_t rows, const std::string& first, const std::string& second);

 private:
  struct Quantization {
    int group_size;
    int bits;
    std::string mode;
  };
  struct MakeUp {
    int bits;
    int group_size;
  };
  static StoredMatrix made_up_matrix(const Shape& shape, const MakeUp& how);
  const array& take(const std::string& path);
  Quantization quantization_of(const std::string& module) const;

  Config config_;
  std::map<std::string, array> arrays_;
  std::map<std::string, StoredMatrix> blocks_;
  std::map<std::string, StoredMatrix> matrices_;
  std::set<std::string> used_;
  std::optional<PackedWeights> packed_;
  std::optional<MakeUp> make_up_;
};

/// A checkpoint opened from disk: its configuration in transformers' keys, its parameters under MLX's paths.
struct Checkpoint {
  Config config;
  Weights weights;
  /// Factors that a GGUF file multiplies the RoPE periods by; empty without.
  std::vector<float> rope_factors;
  /// Bytes of all tensors, and their number of values.
  uint64_t bytes = 0;
  uint64_t parameters = 0;
  std::string format;  ///< "safetensors" or "GGUF"
};

/// Opens a model folder (config.json and safetensors, as Hugging Face and mlx-lm write them) or a GGUF file. Only
/// headers are read. Throws Error naming the file and what is wrong.
Checkpoint open_checkpoint(const std::filesystem::path& path);

/// The same from a GGUF file.
Checkpoint open_gguf_checkpoint(const std::filesystem::path& path);

/// The configuration alone: config.json of a folder, or what a GGUF file's metadata say.
Config open_config(const std::filesystem::path& path);

}  // namespace mica::lm
