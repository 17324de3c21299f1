#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mica::cli {

/// Lines that were entered before, kept in a file from one run to the next: at most 1000, one a line, with line breaks
/// and backslashes written as \n and \\.
class History {
 public:
  /// A file that is missing or cannot be read is an empty history.
  explicit History(std::filesystem::path file);

  /// Appends a line, unless it is empty or the same as the last one, and saves. Failing to save is no reason to stop a
  /// conversation: it is ignored.
  void add(const std::string& line);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> lines_;
};

}  // namespace mica::cli
