#include "mica/cli/history.h"

#include <system_error>
#include <utility>

#include "mica/base/error.h"
#include "mica/base/file.h"

namespace mica::cli {
namespace {

constexpr size_t kMaxLines = 1000;
constexpr size_t kMaxLineBytes = size_t{64} << 10;
constexpr uint64_t kMaxFileBytes = uint64_t{160} << 20;

std::string escaped(const std::string& line) {
  std::string out;
  for (const char c : line) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescaped(const std::string& line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
    } else {
      out += line[++i] == 'n' ? '\n' : line[i];
    }
  }
  return out;
}

}  // namespace

History::History(std::filesystem::path file) : file_(std::move(file)) {
  std::string text;
  try {
    text = read_file(file_, kMaxFileBytes);
  } catch (const Error&) {
    return;
  }
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    if (end > at) lines_.push_back(unescaped(text.substr(at, end - at)));
    at = end + 1;
  }
  if (lines_.size() > kMaxLines) lines_.erase(lines_.begin(), lines_.end() - kMaxLines);
}

void History::add(const std::string& line) {
  if (line.empty() || line.size() > kMaxLineBytes || (!lines_.empty() && lines_.back() == line)) return;
  lines_.push_back(line);
  if (lines_.size() > kMaxLines) lines_.erase(lines_.begin());
  std::string text;
  for (const std::string& one : lines_) text += escaped(one) + '\n';
  try {
    std::error_code ignored;
    std::filesystem::create_directories(file_.parent_path(), ignored);
    write_file(file_, text);
    std::filesystem::permissions(file_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                                 ignored);
  } catch (const Error&) {
    return;
  }
}

}  // namespace mica::cli
