#pragma once

#include <string>

#include "mica/cli/sampling_flags.h"

namespace mica::cli {

/// What can be changed in the course of a conversation.
struct ChatSettings {
  SamplingFlags sampling;
  int max_tokens = 2048;

  /// Sets one by its flag's name ("temp", "top-p" …). Throws Error for an unknown name or a value out of range, and
  /// changes nothing then.
  void set(const std::string& name, const std::string& value, int vocab_size);

  /// All of them, a line each.
  std::string show() const;
};

}  // namespace mica::cli
