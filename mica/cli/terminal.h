#pragma once

#include <optional>

#include <termios.h>

namespace mica::cli {

/// Puts the terminal on standard input into raw mode while it lives: every byte arrives at once, nothing is echoed and
/// Ctrl-C is a byte like others. Also watches for changes of the window's size.
class RawMode {
 public:
  RawMode();
  ~RawMode();
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  /// Gives the terminal back while the program is stopped (Ctrl-Z) and takes it again when it goes on.
  void suspend();

 private:
  void enter();
  void leave();
  termios before_{};
};

struct WindowSize {
  int columns = 80;
  int rows = 24;
};

/// Size of the terminal on standard output; 80 × 24 when it does not tell.
WindowSize window_size();

/// The next byte of standard input; nothing at its end. −1: none came within `timeout_ms` (−1: no limit), or the window
/// was resized.
std::optional<int> read_byte(int timeout_ms);

/// Whether the window was resized since the last call.
bool window_resized();

}  // namespace mica::cli
