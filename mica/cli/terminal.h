#pragma once

#include <optional>

#include <termios.h>

#include "mica/cli/signals.h"

namespace mica::cli {

/// Puts the terminal on standard input into raw mode while it lives: every byte arrives at once and nothing is echoed.
/// Ctrl-C stays a signal, as it is outside of raw mode, so that none is lost when the mode changes.
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
  ReadingSignals signals_;
  termios before_{};
};

/// Forgets what was typed and not read yet.
void drop_typed();

struct WindowSize {
  int columns = 80;
  int rows = 24;
};

/// Size of the terminal on standard output; 80 × 24 when it does not tell.
WindowSize window_size();

/// The next byte of standard input; nothing at its end. −1: none came within `timeout_ms` (−1: no limit), or a signal
/// came first.
std::optional<int> read_byte(int timeout_ms);

}  // namespace mica::cli
