#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mica::lm {

/// Finds texts that end an answer in a stream of pieces. Text that could be the beginning of one is held back until it
/// is known.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);

  /// The part that can be shown now. After a match: what stood before it, and stopped() is true.
  std::string add(std::string_view piece);
  /// What is still held back, when the answer ends otherwise.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace mica::lm
