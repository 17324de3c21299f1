#include "mica/base/log.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include <unistd.h>

namespace mica {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error", "off"};

LogLevel level_from_environment() {
  const char* value = std::getenv("MICA_LOG");  // NOLINT(concurrency-mt-unsafe)
  for (int i = 0; value && i < 5; ++i) {
    if (kNames[i] == value) return static_cast<LogLevel>(i);
  }
  return LogLevel::warning;
}

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level = level_from_environment();
  return level;
}

}  // namespace

LogLevel log_level() {
  return current_level().load(std::memory_order_relaxed);
}

void set_log_level(LogLevel level) {
  current_level() = level;
}

void log_line(LogLevel level, std::string_view text) {
  const std::string line = fmt::format("mica: {}: {}\n", kNames[static_cast<int>(level)], text);
  // One write call: lines of different threads do not mix.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mica
