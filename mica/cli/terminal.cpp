#include "mica/cli/terminal.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace mica::cli {
RawMode::RawMode() {
  ::tcgetattr(STDIN_FILENO, &before_);
  enter();
}

RawMode::~RawMode() {
  leave();
}

void RawMode::enter() {
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN);
  // Ctrl-C must not take output with it.
  raw.c_lflag |= static_cast<tcflag_t>(NOFLSH);
  raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;
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

void drop_typed() {
  ::tcflush(STDIN_FILENO, TCIFLUSH);
}

WindowSize window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::optional<int> read_byte(int timeout_ms) {
  while (true) {
    std::array<pollfd, 2> sources{{{STDIN_FILENO, POLLIN, 0}, {signal_descriptor(), POLLIN, 0}}};
    const int ready = ::poll(sources.data(), sources.size(), timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return -1;
    if (sources[1].revents != 0) {
      clear_signal_descriptor();
      return -1;
    }
    unsigned char byte = 0;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n == 1) return byte;
    if (n < 0 && errno == EINTR) continue;
    return std::nullopt;
  }
}

}  // namespace mica::cli
