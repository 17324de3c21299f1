#include "mica/cli/speculation_flags.h"

#include "mica/cli/command.h"

namespace mica::cli {

void SpeculationFlags::add(CLI::App& command) {
  const char* group = "Drafts (they change the speed, not the answer)";
  const auto most = static_cast<int>(lm::kMostDraftTokens);
  command
      .add_option("--ngram-draft-tokens", values.ngram_draft_tokens,
                  "Most tokens at a time that repetition in the text may draft, when it pays; 0 for none")
      ->check(CLI::Range(0, most))
      ->capture_default_str()
      ->group(group);
  command.add_option("--draft-model", draft_model, "A smaller model of the same vocabulary that drafts the answer")
      ->group(group);
  command.add_option("--num-draft-tokens", values.num_draft_tokens, "Most tokens at a time that it drafts")
      ->check(CLI::Range(1, most))
      ->capture_default_str()
      ->group(group);
}

Speculator::Speculator(const SpeculationFlags& flags, const text::Tokenizer& main, bool exact) : values_(flags.values) {
  if (flags.draft_model.empty()) return;
  const auto path = find_model(flags.draft_model, "--draft-model");
  const text::Tokenizer tokenizer = text::Tokenizer::load(path);
  loaded_ = lm::load_model(path, {exact ? Activation::exact : Activation::int8});
  draft_model_ = std::make_unique<lm::DraftModel>(loaded_->model, tokenizer, main);
}

lm::SpeculationOptions Speculator::options() const {
  lm::SpeculationOptions out = values_;
  out.drafter = draft_model_.get();
  return out;
}

}  // namespace mica::cli
