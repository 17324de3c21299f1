#include "mica/cli/terminal.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace mica::cli {
namespace {

std::atomic<bool> resized = false;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): a signal handler's

void on_resize(int) {
  resized = true;
}

}  // namespace

RawMode::RawMode() {
  ::tcgetattr(STDIN_FILENO, &before_);
  enter();
  struct sigaction action{};
  action.sa_handler = on_resize;  // without SA_RESTART: a waiting read returns
  ::sigaction(SIGWINCH, &action, nullptr);
}

RawMode::~RawMode() {
  std::signal(SIGWINCH, SIG_DFL);
  leave();
}

void RawMode::enter() {
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  // Not TCSAFLUSH: what was typed during an answer is the beginning of the next line.
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void RawMode::leave() {
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void RawMode::suspend() {
  leave();
  std::raise(SIGTSTP);
  enter();
}

WindowSize window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::optional<int> read_byte(int timeout_ms) {
  while (true) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) {
      if (resized) return -1;
      continue;
    }
    if (ready == 0) return -1;
    unsigned char byte = 0;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n == 1) return byte;
    if (n < 0 && errno == EINTR) continue;
    return std::nullopt;
  }
}

bool window_resized() {
  return resized.exchange(false);
}

}  // namespace mica::cli
