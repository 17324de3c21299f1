#include "mica/cli/sampling_flags.h"

#include <random>

namespace mica::cli {

void SamplingFlags::add(CLI::App& command) {
  const char* group = "Sampling";
  command.add_option("--temp", values.temperature, "Temperature; 0 always takes the most likely token")
      ->capture_default_str()
      ->group(group);
  command.add_option("--top-p", values.top_p, "Choose among the likeliest tokens with this total probability")
      ->capture_default_str()
      ->group(group);
  command.add_option("--top-k", values.top_k, "Choose among that many tokens; 0 for all")
      ->capture_default_str()
      ->group(group);
  command.add_option("--min-p", values.min_p, "Drop tokens less likely than this part of the likeliest one")
      ->capture_default_str()
      ->group(group);
  command.add_option("--min-tokens-to-keep", values.min_tokens_to_keep, "Tokens that --min-p always leaves")
      ->capture_default_str()
      ->group(group);
  command.add_option("--xtc-probability", values.xtc_probability, "How often to exclude the top choices")
      ->capture_default_str()
      ->group(group);
  command.add_option("--xtc-threshold", values.xtc_threshold, "Probability above which a token is a top choice")
      ->capture_default_str()
      ->group(group);
  command.add_option("--repetition-penalty", values.repetition_penalty, "Makes recent tokens less likely; 0 for off")
      ->capture_default_str()
      ->group(group);
  command.add_option("--repetition-context-size", values.repetition_context_size, "Tokens that it looks back on")
      ->capture_default_str()
      ->group(group);
  command.add_option("--presence-penalty", values.presence_penalty, "Taken off the logits of recent tokens")
      ->capture_default_str()
      ->group(group);
  command.add_option("--frequency-penalty", values.frequency_penalty, "The same, for each time that they occurred")
      ->capture_default_str()
      ->group(group);
  command.add_option("--seed", seed, "Makes a sampled answer repeatable")->check(CLI::NonNegativeNumber)->group(group);
}

lm::SamplingOptions SamplingFlags::options(const text::Tokenizer& tokenizer) const {
  lm::SamplingOptions out = values;
  out.seed = seed ? *seed : std::random_device{}();
  if (out.xtc_probability > 0) {
    out.xtc_special_tokens = tokenizer.end_tokens();
    for (const int32_t token : tokenizer.encode("\n", {.add_special = false})) out.xtc_special_tokens.push_back(token);
  }
  return out;
}

}  // namespace mica::cli
