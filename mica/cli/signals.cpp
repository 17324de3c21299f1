#include "mica/cli/signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "mica/base/error.h"

namespace mica::cli {
namespace {

// What signal handlers write to has to be global.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<int> interrupts = 0;
std::atomic<bool> resized = false;
std::atomic<bool> reading = false;
std::atomic<int> wake_writer = -1;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

struct Pipe {
  std::array<int, 2> ends{};
  Pipe() {
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) fail("cannot open a pipe: no file descriptors are left");
    wake_writer = ends[1];
  }
};

const Pipe& wake_pipe() {
  static const Pipe pipe;
  return pipe;
}

void wake() {
  const int saved = errno;
  // A full pipe wakes as well.
  (void)!::write(wake_writer, "", 1);
  errno = saved;
}

void on_interrupt(int) {
  if (interrupts.fetch_add(1) > 0 && !reading) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  wake();
}

void on_resize(int) {
  resized = true;
  wake();
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // without SA_RESTART: a blocked read returns
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  wake_pipe();
  interrupts = 0;
  handle(SIGINT, on_interrupt);
}
InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
}
bool InterruptGuard::interrupted() const {
  return interrupts > 0;
}
void InterruptGuard::reset() {
  interrupts = 0;
}

ReadingSignals::ReadingSignals() {
  wake_pipe();
  reading = true;
  handle(SIGWINCH, on_resize);
}
ReadingSignals::~ReadingSignals() {
  std::signal(SIGWINCH, SIG_DFL);
  reading = false;
}

int signal_descriptor() {
  return wake_pipe().ends[0];
}

void clear_signal_descriptor() {
  std::array<char, 64> bytes{};
  while (::read(signal_descriptor(), bytes.data(), bytes.size()) > 0) {
  }
}

bool take_interrupt() {
  return interrupts.exchange(0) > 0;
}

bool take_resize() {
  return resized.exchange(false);
}

}  // namespace mica::cli
