#pragma once

#include <optional>

#include <CLI/CLI.hpp>

#include "mica/lm/sampling.h"
#include "mica/text/tokenizer.h"

namespace mica::cli {

/// The flags that choose tokens, under mlx-lm's names.
struct SamplingFlags {
  lm::SamplingOptions values;
  std::optional<uint64_t> seed;

  void add(CLI::App& command);
  /// What the flags say; a seed from the system where none is given.
  lm::SamplingOptions options(const text::Tokenizer& tokenizer) const;
};

}  // namespace mica::cli
