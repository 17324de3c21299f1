#include "mica/cli/command.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/resource.h>
#include <unistd.h>

#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/base/thread_pool.h"

namespace mica::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultModel = "SmolLM2-135M-Instruct.Q4_1.gguf";

fs::path model_folder() {
  return home_folder() / "models";
}

}  // namespace

fs::path find_model(const std::string& name, const char* flag) {
  if (fs::exists(name)) return name;
  const fs::path home = model_folder();
  if (fs::exists(home / name)) return home / name;
  fail("{} {}: no such file or folder, and no model of that name in {}", flag, mica::quoted(name, 200), home.string());
}

void ModelFlags::add(CLI::App& command, bool computes) {
  command.add_option(
      "--model,-m", model,
      "Model folder (config.json and safetensors), GGUF file, or the name of a model in the model folder");
  if (!computes) return;
  command
      .add_option("--threads,-t", threads,
                  "Threads to compute with (default: as many as there are usable cores). On several NUMA nodes they "
                  "stay on theirs, with their weights; MICA_NUMA=off leaves that to the system")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--prefill-threads,--threads-batch", prefill_threads,
                  "Threads to process prompts with (default: as --threads)")
      ->check(CLI::Range(1, 1024));
  command.add_option(
      "--packed", packed,
      "File of packed weights, made by `mica pack` (default: the one beside the model, if there is one)");
}

void ModelFlags::add_kv(CLI::App& command, int64_t start) {
  kv.start = start;
  command.add_option("--kv-bits", kv.format.bits, "Keep keys and values as codes of 8 or 4 bits")
      ->check(CLI::IsMember({4, 8}));
  command.add_option("--kv-group-size", kv.format.group_size, "Elements that share a scale in such codes")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str();
  command.add_option("--quantized-kv-start", kv.start, "Tokens after which keys and values become codes")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->capture_default_str();
}

fs::path ModelFlags::path() const {
  if (!model.empty()) return find_model(model, "--model");
  const fs::path standard = model_folder() / kDefaultModel;
  if (!fs::exists(standard)) {
    fail("{}: the default model is not there; fetch it with `make model`, or name another with --model",
         standard.string());
  }
  return standard;
}

void ModelFlags::set_threads() const {
  if (threads == 0 && prefill_threads == 0) return;
  const int wanted = threads > 0 ? threads : usable_cores();
  ThreadPool::set_global_size(std::max(wanted, prefill_threads));
  ThreadPool::global().limit(wanted);
}

lm::LoadedModel ModelFlags::load() const {
  set_threads();
  return lm::load_model(path(), load_options());
}

std::string read_stdin() {
  std::string out;
  std::string buffer(size_t{1} << 16, '\0');
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("standard input: {}", std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
    if (n == 0) return out;
    out.append(buffer, 0, static_cast<size_t>(n));
    if (out.size() > (size_t{1} << 30)) fail("standard input: more than 1 GiB of text");
  }
}

size_t peak_memory() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace mica::cli
