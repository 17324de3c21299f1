#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "mica/lm/draft_model.h"
#include "mica/lm/model.h"
#include "mica/lm/speculate.h"
#include "mica/text/tokenizer.h"

namespace mica::cli {

/// The flags of drafts; those of the draft model under mlx-lm's names.
struct SpeculationFlags {
  lm::SpeculationOptions values;
  std::string draft_model;

  void add(CLI::App& command);
};

/// What drafts the answers of a program: what the flags say, and the draft model if they name one.
class Speculator {
 public:
  /// Loads the draft model. Throws Error when it does not have the vocabulary of the main model, whose tokenizer is
  /// `main`.
  Speculator(const SpeculationFlags& flags, const text::Tokenizer& main, bool exact);

  lm::SpeculationOptions options() const;

 private:
  lm::SpeculationOptions values_;
  std::optional<lm::LoadedModel> loaded_;
  std::unique_ptr<lm::DraftModel> draft_model_;
};

}  // namespace mica::cli
