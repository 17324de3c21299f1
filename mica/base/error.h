#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace mica {

/// What goes wrong with input, files or the system: one line that names the file, key, flag or field and says what
/// to do. Array operations throw the exception types of MLX instead (std::invalid_argument and so on).
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws an Error with a formatted message: fail("{}: {} is not a model", path, name).
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws `E` (std::invalid_argument, std::out_of_range …) with a formatted message.
template <typename E, typename... Args>
[[noreturn]] void fail_as(fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format(format, std::forward<Args>(args)...));
}

/// `text` made safe and short enough to quote in an error message: control and non-ASCII bytes become \xNN, and at
/// most `max_bytes` bytes are shown. Names read from hostile files pass through here.
std::string quoted(std::string_view text, size_t max_bytes = 64);

}  // namespace mica
