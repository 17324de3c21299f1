#include <chrono>
#include <cmath>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "mica/array/evaluate.h"
#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cli/command.h"
#include "mica/ops/create.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string config;
  int q_bits = 4;
  int q_group_size = 64;
  int prompt = 512;
  int generate = 64;
  int depth = 0;
  int repeats = 5;
  int batch = 1;
  bool json = false;
};

/// Tokens that are spread over the vocabulary; [batch, count].
array some_tokens(int batch, int count, int vocab_size, int seed) {
  std::vector<int32_t> tokens;
  uint32_t state = 12345u + static_cast<uint32_t>(seed);
  for (int i = 0; i < batch * count; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(vocab_size)));
  }
  return array(tokens.data(), Shape{batch, count}, int32);
}

/// Feeds `count` tokens in parts of 512, as generation does.
void feed(const lm::Model& model, lm::PromptCache& cache, int batch, int count) {
  const ThreadLimit threads(ThreadPool::global(), model.prefill_threads());
  for (int done = 0; done < count; done += 512) {
    const int part = std::min(count - done, 512);
    array logits = model.forward(some_tokens(batch, part, model.description().vocab_size, done), cache, true);
    if (done + part == count) {
      eval(logits);
    } else {
      eval(cache.state());
    }
  }
}

/// Decodes `count` tokens, each the most likely one after the last.
void decode(const lm::Model& model, lm::PromptCache& cache, int batch, int count) {
  array token = some_tokens(batch, 1, model.description().vocab_size, 7);
  for (int i = 0; i < count; ++i) {
    token = model.most_likely(token, cache);
    eval(token);
  }
}

class Bench {
 public:
  Bench(const Flags& flags, const lm::Model& model, std::string name)
      : flags_(flags), model_(model), name_(std::move(name)) {}

  void run() {
    if (flags_.prompt > 0) {
      const ThreadLimit threads(ThreadPool::global(), model_.prefill_threads());
      measure(fmt::format("pp{}", flags_.prompt), flags_.prompt,
              [&](lm::PromptCache& cache) { feed(model_, cache, flags_.batch, flags_.prompt); });
    }
    if (flags_.generate > 0) {
      measure(fmt::format("tg{}", flags_.generate), flags_.generate,
              [&](lm::PromptCache& cache) { decode(model_, cache, flags_.batch, flags_.generate); });
    }
    if (flags_.json) fmt::print("{}\n", rows_.dump(1));
  }

 private:
  template <typename Work>
  void measure(const std::string& test, int tokens, Work work) {
    std::vector<double> speeds;
    for (int i = -1; i < flags_.repeats; ++i) {
      lm::PromptCache cache = model_.make_cache();
      if (flags_.depth > 0) feed(model_, cache, flags_.batch, flags_.depth);
      const auto start = std::chrono::steady_clock::now();
      work(cache);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      // The first round packs weights and fills memory: it is not counted.
      if (i >= 0) speeds.push_back(tokens * flags_.batch / seconds);
    }
    report(test, speeds);
  }

  void report(const std::string& test, const std::vector<double>& speeds) {
    double mean = 0;
    for (const double speed : speeds) mean += speed / static_cast<double>(speeds.size());
    double variance = 0;
    for (const double speed : speeds) variance += (speed - mean) * (speed - mean);
    const double stddev = speeds.size() > 1 ? std::sqrt(variance / static_cast<double>(speeds.size() - 1)) : 0.0;
    const int threads = ThreadPool::global().size();
    const std::string device = fmt::format("{} ({})", cpu_name(), isa_name(active_isa()));
    rows_.push_back({{"test", test},
                     {"tokens_per_second", mean},
                     {"stddev", stddev},
                     {"threads", threads},
                     {"batch", flags_.batch},
                     {"depth", flags_.depth},
                     {"model", name_},
                     {"device", device}});
    if (flags_.json) return;
    if (rows_.size() == 1) fmt::print("{}, {} threads, {}\n", name_, threads, device);
    fmt::print("{:>8}  {:10.2f} ± {:.2f} tokens/s\n", test, mean, stddev);
    std::fflush(stdout);
  }

  const Flags& flags_;
  const lm::Model& model_;
  std::string name_;
  Json rows_ = Json::array();
};

void run(const Flags& flags) {
  if (flags.config.empty()) {
    const lm::LoadedModel loaded = flags.model.load();
    return Bench(flags, loaded.model, flags.model.path().filename().string()).run();
  }
  flags.model.set_threads();
  const lm::LoadedModel random =
      lm::make_random_model(flags.config, flags.q_bits, flags.q_group_size, flags.model.load_options());
  Bench(flags, random.model, fmt::format("{} ({} bits)", flags.config, flags.q_bits)).run();
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure the speed of prompt processing and decoding");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command);
  flags->model.add_kv(*command, 0);
  command->add_flag("--exact", flags->model.exact, "Compute with float32 activations instead of 8-bit ones");
  command->add_option("--config", flags->config, "Instead of a model: a config.json, filled with random weights")
      ->excludes("--packed");
  command->add_option("--q-bits", flags->q_bits, "Bits of the random weights; 16 for bfloat16")
      ->check(CLI::IsMember({2, 3, 4, 5, 6, 8, 16}))
      ->capture_default_str();
  command->add_option("--q-group-size", flags->q_group_size, "Group size of the random weights")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str();
  command->add_option("-p,--prompt-tokens", flags->prompt, "Prompt length; 0 for none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command->add_option("-n,--generation-tokens", flags->generate, "Tokens to decode; 0 for none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command->add_option("-d,--depth", flags->depth, "Tokens that are in the cache already")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  command->add_option("-r,--repeats", flags->repeats, "Times each test is run")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("-b,--batch-size", flags->batch, "Sequences at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print a JSON list, for programs");
  command->footer(
      "Examples:\n"
      "  mica bench -p 512 -n 64\n"
      "  mica bench --model model.gguf -t 4 -d 4096 --json\n"
      "  mica bench --config config.json --q-bits 4 --q-group-size 64");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
