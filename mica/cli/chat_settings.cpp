#include "mica/cli/chat_settings.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/core.h>

#include "mica/base/error.h"

namespace mica::cli {
namespace {

using lm::SamplingOptions;

constexpr std::array<std::pair<const char*, float SamplingOptions::*>, 8> kNumbers = {{
    {"temp", &SamplingOptions::temperature},
    {"top-p", &SamplingOptions::top_p},
    {"min-p", &SamplingOptions::min_p},
    {"xtc-probability", &SamplingOptions::xtc_probability},
    {"xtc-threshold", &SamplingOptions::xtc_threshold},
    {"repetition-penalty", &SamplingOptions::repetition_penalty},
    {"presence-penalty", &SamplingOptions::presence_penalty},
    {"frequency-penalty", &SamplingOptions::frequency_penalty},
}};

constexpr std::array<std::pair<const char*, int SamplingOptions::*>, 3> kCounts = {{
    {"top-k", &SamplingOptions::top_k},
    {"min-tokens-to-keep", &SamplingOptions::min_tokens_to_keep},
    {"repetition-context-size", &SamplingOptions::repetition_context_size},
}};

template <typename T>
T parse(const std::string& name, const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail("/set {}: {} is not a number that it can be", name, mica::quoted(text));
  }
  return value;
}

}  // namespace

void ChatSettings::set(const std::string& name, const std::string& value, int vocab_size) {
  if (name == "max-tokens") {
    const int count = parse<int>(name, value);
    if (count < -1) fail("/set max-tokens: {} is less than -1 (no limit)", count);
    max_tokens = count;
    return;
  }
  if (name == "seed") {
    sampling.seed = parse<uint64_t>(name, value);
    return;
  }
  SamplingOptions changed = sampling.values;
  bool known = false;
  for (const auto& [own, member] : kNumbers) {
    if (name == own) changed.*member = parse<float>(name, value), known = true;
  }
  for (const auto& [own, member] : kCounts) {
    if (name == own) changed.*member = parse<int>(name, value), known = true;
  }
  if (!known) fail("/set: there is no setting {}; /show lists them", mica::quoted(name));
  lm::check(changed, vocab_size);
  sampling.values = changed;
}

std::string ChatSettings::show() const {
  std::string out;
  for (const auto& [name, member] : kNumbers) out += fmt::format("{:<26}{}\n", name, sampling.values.*member);
  for (const auto& [name, member] : kCounts) out += fmt::format("{:<26}{}\n", name, sampling.values.*member);
  out += fmt::format("{:<26}{}\n", "max-tokens", max_tokens);
  out += fmt::format("{:<26}{}\n", "seed", sampling.seed ? std::to_string(*sampling.seed) : "of the system");
  return out;
}

}  // namespace mica::cli
