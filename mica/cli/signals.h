#pragma once

namespace mica::cli {

/// Makes Ctrl-C (SIGINT) set a flag instead of ending the program, while it lives. During work a second one ends the
/// program: whoever presses twice means it.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool interrupted() const;
  void reset();
};

/// While it lives, signals are a reader's keys: any number of Ctrl-C only sets the flag, and changes of the window's
/// size are seen.
class ReadingSignals {
 public:
  ReadingSignals();
  ~ReadingSignals();
  ReadingSignals(const ReadingSignals&) = delete;
  ReadingSignals& operator=(const ReadingSignals&) = delete;
};

/// Becomes readable when one of these signals comes: a reader that polls it misses none, whichever thread it hit.
int signal_descriptor();

/// Empties signal_descriptor().
void clear_signal_descriptor();

/// Whether Ctrl-C came since the last call (or the guard's reset).
bool take_interrupt();

/// Whether the window was resized since the last call.
bool take_resize();

}  // namespace mica::cli
