#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/config.h"

namespace mica::lm {

/// Rotary position embedding of a model: which features turn, and how fast. The scaling methods are transformers':
/// default, linear, dynamic, llama3, yarn (https://arxiv.org/abs/2309.00071), longrope
/// (https://arxiv.org/abs/2402.13753).
class Rope {
 public:
  /// Plain RoPE of the first `dims` features.
  Rope(int dims, double base, bool traditional);

  /// From a configuration of transformers 5 (rope_parameters, flat or with an entry for `layer_type`) or older
  /// (rope_theta, rope_scaling). `head_dim` features, less by partial_rotary_factor. `default_base` where none is
  /// named.
  static Rope from_config(const Config& config, int head_dim, const std::string& layer_type = "full_attention",
                          double default_base = 10000.0);

  int dims() const { return dims_; }
  bool traditional() const { return traditional_; }

  /// Multiplies the periods by factors that a GGUF file brings along (rope_freqs.weight), one for each pair.
  void scale_periods(const std::vector<float>& factors);

  /// Whether sequences of these two lengths have the same periods.
  bool has_same_periods(int64_t length, int64_t other) const;

  /// Cosine and sine of the `count` positions from every one of `offsets` on: [count, dims / 2] for one offset, else
  /// [offsets, count, dims / 2]. `lengths` is how long each of those sequences is then: some methods change over to
  /// other periods with it.
  std::pair<array, array> tables(std::span<const int64_t> offsets, std::span<const int64_t> lengths,
                                 int64_t count) const;

 private:
  void apply_linear(double factor);
  void apply_llama3(const Config& scaling);
  void apply_yarn(const Config& scaling, const Config& config);
  void apply_longrope(const Config& scaling, const Config& config);
  std::vector<float> inverse_periods(int64_t length) const;

  int dims_;
  double base_;
  bool traditional_;
  std::vector<float> inverse_;       ///< 1 / period of each pair
  std::vector<float> inverse_long_;  ///< longrope: beyond original_length_
  int64_t original_length_ = 0;
  double dynamic_factor_ = 0;
  float magnitude_ = 1.0f;  ///< of cosine and sine
};

}  // namespace mica::lm
