#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "mica/text/tokenizer.h"

namespace mica::text {

/// Text from tokens as they come. What add() gives is always whole characters, and all of it together is
/// to_valid_utf8(decode(all tokens)).
class Detokenizer {
 public:
  explicit Detokenizer(Tokenizer tokenizer, bool skip_special = false)
      : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

  /// The text that is now safe to show: everything but a character that may still be continued. An id outside the
  /// vocabulary is an Error and changes nothing.
  std::string add(int32_t id);

  /// What is left: a character that was never finished, as U+FFFD. The detokenizer is then as new.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  bool first_ = true;     ///< no token yet
  bool at_front_ = true;  ///< no text given out yet: decode() may leave out spaces at the front
  std::string pending_;   ///< bytes not given out yet
  std::string stripped_;  ///< bytes at the front that were left out
};

}  // namespace mica::text
