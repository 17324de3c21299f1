#pragma once

#include <chrono>
#include <string>

#include <pty.h>

#include "tests/cli/program.h"

namespace mica::test {

/// The program in a pseudo-terminal: what a person types, and what the screen gets.
class Terminal {
 public:
  explicit Terminal(const Arguments& arguments, unsigned short columns = 80) {
    winsize size{24, columns, 0, 0};
    child_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (child_ == 0) become_program(arguments);
  }
  ~Terminal() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys) { (void)!::write(fd_, keys.data(), keys.size()); }

  /// Reads until `text` has come after what was found before; false when it does not within the time.
  bool wait_for(const std::string& text, std::chrono::seconds limit = std::chrono::seconds(120)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (true) {
      const size_t found = screen_.find(text, seen_);
      if (found != std::string::npos) {
        seen_ = found + text.size();
        return true;
      }
      if (std::chrono::steady_clock::now() > end || !read_some()) return false;
    }
  }

  /// Waits until the editor shows a new prompt, which its switching on of bracketed paste tells from a redrawn one.
  bool wait_for_prompt() { return wait_for("\033[?2004h") && wait_for(">>> "); }

  /// The exit status, once the program has ended.
  int wait_for_end() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// All that was written, escape sequences included.
  const std::string& screen() const { return screen_; }

 private:
  bool read_some() {
    pollfd one{fd_, POLLIN, 0};
    if (::poll(&one, 1, 1000) == 0) return true;
    char buffer[4096];
    const ssize_t n = ::read(fd_, buffer, sizeof buffer);
    if (n > 0) screen_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  int fd_ = -1;
  pid_t child_ = -1;
  std::string screen_;
  size_t seen_ = 0;
};

}  // namespace mica::test
