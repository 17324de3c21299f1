#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mica::test {

using Arguments = std::vector<std::string>;

/// How a run of the program ended.
struct Outcome {
  std::string out;
  std::string err;
  int code = -1;   ///< exit status; −1 when a signal ended it
  int signal = 0;  ///< the signal that ended it, or 0
  bool in_time = true;
};

/// What a run gets besides its arguments.
struct Setting {
  std::string input = "";
  std::chrono::seconds timeout{300};
  /// Asked whenever there is new output, with all of stdout so far: true sends SIGINT (once).
  std::function<bool(const std::string&)> interrupt_when = nullptr;
  /// Reads that many bytes of stdout, then closes it, as head does; 0: reads all.
  size_t close_stdout_after = 0;
};

/// Replaces this (forked) process by the program under test.
[[noreturn]] inline void become_program(const Arguments& arguments) {
  std::vector<char*> argv;
  std::string name = MICA_PROGRAM;
  argv.push_back(name.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(MICA_PROGRAM, argv.data());
  ::_exit(127);
}

/// Runs `mica ARGUMENTS` to its end, or kills it when the time is over.
inline Outcome run(const Arguments& arguments, const Setting& setting = {}) {
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    become_program(arguments);
  }
  for (const int fd : {in[0], out[1], err[1]}) ::close(fd);
  // A program that reads no input must not end the test.
  std::signal(SIGPIPE, SIG_IGN);
  ::fcntl(in[1], F_SETFL, O_NONBLOCK);
  Outcome outcome;
  const auto end = std::chrono::steady_clock::now() + setting.timeout;
  size_t written = 0;
  bool interrupted = false;
  pollfd fds[3] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}, {in[1], POLLOUT, 0}};
  const auto close_one = [](pollfd& one) {
    ::close(one.fd);
    one.fd = -1;
  };
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (fds[2].fd >= 0 && written == setting.input.size()) close_one(fds[2]);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    if (::poll(fds, 3, static_cast<int>(left.count())) < 0 && errno != EINTR) break;
    for (const int i : {0, 1}) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      char buffer[65536];
      const size_t wanted = i == 0 && setting.close_stdout_after > 0 ? setting.close_stdout_after : sizeof buffer;
      const ssize_t n = ::read(fds[i].fd, buffer, wanted);
      if (n > 0) (i == 0 ? outcome.out : outcome.err).append(buffer, static_cast<size_t>(n));
      if (n <= 0 || (i == 0 && setting.close_stdout_after > 0)) close_one(fds[i]);
    }
    if (setting.interrupt_when && !interrupted && setting.interrupt_when(outcome.out)) {
      interrupted = true;
      ::kill(child, SIGINT);
    }
    if (fds[2].fd >= 0 && fds[2].revents != 0) {
      const ssize_t n = ::write(fds[2].fd, setting.input.data() + written, setting.input.size() - written);
      if (n > 0) written += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) written = setting.input.size();
    }
  }
  for (pollfd& one : fds) {
    if (one.fd >= 0) close_one(one);
  }
  if (std::chrono::steady_clock::now() >= end) {
    outcome.in_time = false;
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

/// Whether `text` is one line "mica: …".
inline bool is_one_line_error(const std::string& text) {
  return text.starts_with("mica: ") && text.ends_with('\n') && text.find('\n') == text.size() - 1 && text.size() < 2000;
}

/// The default model, or an empty path: scripts/fetch_model.sh has not been run.
inline std::filesystem::path default_model() {
  const char* home = std::getenv("MICA_HOME");
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* user = std::getenv("HOME");
  const std::filesystem::path folder = home    ? std::filesystem::path(home)
                                       : cache ? std::filesystem::path(cache) / "mica"
                                               : std::filesystem::path(user ? user : "/") / ".cache/mica";
  const auto file = folder / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  return std::filesystem::exists(file) ? file : std::filesystem::path();
}

}  // namespace mica::test
