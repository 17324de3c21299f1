#pragma once

#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace mica {

enum class LogLevel { debug, info, warning, error, off };

/// Lines below this level are dropped. The start value is MICA_LOG (debug, info, warning, error, off), else warning.
LogLevel log_level();
void set_log_level(LogLevel level);

/// Writes one line "mica: <level>: <text>" to stderr, whole even when threads write at once.
void log_line(LogLevel level, std::string_view text);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level >= log_level()) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mica
