#include "mica/lm/batch_generator.h"

#include <algorithm>
#include <chrono>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/base/thread_pool.h"

namespace mica::lm {
namespace {

/// Prompts are filled up to the longest of a group; of its tokens at most one in so many may be such filling.
constexpr int64_t kTokensPerFilling = 4;

/// The cache of one of several sequences, computed, so that the others' memory can be written to in place.
PromptCache copy_of(const PromptCache& cache, int64_t sequence) {
  PromptCache out = cache;
  out.keep({&sequence, 1});
  eval(out.state());
  return out;
}

}  // namespace

BatchGenerator::BatchGenerator(const Model& model, const text::Tokenizer& tokenizer, const BatchOptions& options)
    : model_(model), tokenizer_(tokenizer), options_(options), cache_(model.make_cache()) {
  const auto positive = [](const char* name, int value) {
    if (value < 1) fail("{} is {}, it must be 1 or more", name, value);
  };
  positive("completion_batch_size", options.completion_batch_size);
  positive("prefill_batch_size", options.prefill_batch_size);
  positive("prefill_step_size", options.prefill_step_size);
}

int64_t BatchGenerator::insert(std::span<const int32_t> prompt, const AnswerOptions& options,
                               std::optional<PromptCache> cache) {
  if (cache && cache->batch() > 1) fail("a prompt cannot follow a cache of {} sequences", cache->batch());
  if (cache) model_.make_cache().append(*cache);  // refuses that of another model
  waiting_.push_back(
      {next_id_, Answer(tokenizer_, prompt, options, model_.description().vocab_size), std::move(cache)});
  return next_id_++;
}

std::optional<BatchResponse> BatchGenerator::remove(int64_t id) {
  const auto is_it = [&](const Sequence& sequence) { return sequence.id == id && !sequence.removed; };
  const auto ended = [](Sequence& sequence) {
    BatchResponse out;
    out.id = sequence.id;
    out.text = sequence.answer.interrupt();
    out.finish_reason = sequence.answer.finish_reason();
    return out;
  };
  if (const auto found = std::find_if(waiting_.begin(), waiting_.end(), is_it); found != waiting_.end()) {
    BatchResponse out = ended(*found);
    waiting_.erase(found);
    return out;
  }
  // Only a prompt that is alone is left half done between two steps.
  if (prefill_ && is_it(prefill_->sequences[0])) {
    BatchResponse out = ended(prefill_->sequences[0]);
    prefill_.reset();
    return out;
  }
  const auto found = std::find_if(running_.begin(), running_.end(), is_it);
  if (found == running_.end()) return std::nullopt;
  found->removed = true;
  return ended(*found);
}

std::vector<BatchResponse> BatchGenerator::next() {
  std::vector<BatchResponse> out;
  collect(out);
  const auto start = std::chrono::steady_clock::now();
  admit(out);
  prompt_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  start_step();
  return out;
}

/// Takes in the tokens of the step that was started last.
void BatchGenerator::collect(std::vector<BatchResponse>& out) {
  if (!result_) return;
  array result = std::move(*result_);
  result_.reset();
  take_tokens(std::move(result), running_, cache_, out);
}

/// Answers of no token are over before they begin.
void BatchGenerator::dismiss_empty(std::vector<BatchResponse>& out) {
  std::erase_if(waiting_, [&](const Sequence& sequence) {
    if (!sequence.answer.finished()) return false;
    out.push_back({sequence.id, std::nullopt, "", sequence.answer.finish_reason(), std::nullopt});
    return true;
  });
}

/// Lets waiting sequences in while there is room: some prompts, or a part of a long one.
void BatchGenerator::admit(std::vector<BatchResponse>& out) {
  dismiss_empty(out);
  if (!prefill_) begin_prefill();
  if (prefill_ && continue_prefill(*prefill_, out)) prefill_.reset();
}

void BatchGenerator::begin_prefill() {
  if (running() >= options_.completion_batch_size) return;
  while (!waiting_.empty()) {
    Sequence& next = waiting_.front();
    if (!prefill_) {
      prefill_ = Prefill{{}, next.cache ? std::move(*next.cache) : model_.make_cache(), next.cache.has_value()};
      next.cache.reset();
    } else if (!fits(*prefill_, next)) {
      return;
    }
    prefill_->sequences.push_back(std::move(next));
    waiting_.pop_front();
  }
}

/// Whether a prompt may be processed together with others: they fit in one part and are of like lengths.
bool BatchGenerator::fits(const Prefill& group, const Sequence& next) const {
  const auto count = static_cast<int64_t>(group.sequences.size()) + 1;
  if (count > options_.prefill_batch_size || count + running() > options_.completion_batch_size) return false;
  if (group.alone || next.cache) return false;
  int64_t longest = next.answer.prompt_tokens();
  int64_t total = longest;
  for (const Sequence& sequence : group.sequences) {
    longest = std::max(longest, sequence.answer.prompt_tokens());
    total += sequence.answer.prompt_tokens();
  }
  const int64_t filling = count * longest - total;
  return count * longest <= options_.prefill_step_size && filling * kTokensPerFilling <= total;
}

/// Processes the next part of prompts; after the last one they join the running sequences, and true is returned.
bool BatchGenerator::continue_prefill(Prefill& group, std::vector<BatchResponse>& out) {
  const ThreadLimit threads(ThreadPool::global(), model_.prefill_threads());
  int64_t longest = 0;
  for (const Sequence& sequence : group.sequences) longest = std::max(longest, sequence.answer.prompt_tokens());
  const int64_t length = std::min<int64_t>(longest - group.done, options_.prefill_step_size);
  std::vector<int32_t> tokens;
  std::vector<int64_t> counts;
  for (const Sequence& sequence : group.sequences) {
    auto prompt = sequence.answer.history().subspan(static_cast<size_t>(group.done));
    prompt = prompt.first(std::min(prompt.size(), static_cast<size_t>(length)));
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    counts.push_back(static_cast<int64_t>(prompt.size()));
    tokens.resize(counts.size() * static_cast<size_t>(length));
  }
  const Shape shape = {static_cast<ShapeElem>(counts.size()), static_cast<ShapeElem>(length)};
  array logits = model_.forward(array(tokens.begin(), shape, int32), group.cache, true, counts);
  group.done += length;
  if (group.done < longest) {
    eval(group.cache.state());
    return false;
  }
  take_tokens(std::move(logits), group.sequences, group.cache, out);
  cache_.append(group.cache);
  std::move(group.sequences.begin(), group.sequences.end(), std::back_inserter(running_));
  return true;
}

void BatchGenerator::start_step() {
  if (running_.empty()) return;
  std::vector<int32_t> tokens;
  tokens.reserve(running_.size());
  for (const Sequence& sequence : running_) tokens.push_back(sequence.answer.history().back());
  const Shape shape = {static_cast<ShapeElem>(tokens.size()), 1};
  const array read(tokens.begin(), shape, int32);
  const bool greedy = std::ranges::all_of(running_, [](const Sequence& one) { return one.answer.is_greedy(); });
  result_ = greedy ? model_.most_likely(read, cache_) : model_.forward(read, cache_, true);
  async_eval(*result_);
}

/// Chooses the next token of each sequence from what a step gave for it; those whose answers end leave.
void BatchGenerator::take_tokens(array result, std::vector<Sequence>& sequences, PromptCache& cache,
                                 std::vector<BatchResponse>& out) const {
  const auto count = static_cast<int64_t>(sequences.size());
  result.eval();
  std::vector<SampledToken> tokens(sequences.size());
  ThreadPool::global().parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (auto b = static_cast<size_t>(begin); b < static_cast<size_t>(end); ++b) {
      if (!sequences[b].removed) tokens[b] = sequences[b].answer.sample(result, b);
    }
  });
  std::vector<int64_t> kept;
  std::vector<Sequence> remaining;
  for (size_t b = 0; b < sequences.size(); ++b) {
    Sequence& sequence = sequences[b];
    if (sequence.removed) continue;
    BatchResponse response{sequence.id, tokens[b], sequence.answer.add(tokens[b].id), "", std::nullopt};
    if (sequence.answer.finished()) {
      response.finish_reason = sequence.answer.finish_reason();
      if (options_.return_caches) response.cache = copy_of(cache, static_cast<int64_t>(b));
    } else {
      kept.push_back(static_cast<int64_t>(b));
      remaining.push_back(std::move(sequence));
    }
    out.push_back(std::move(response));
  }
  if (kept.size() < sequences.size()) cache.keep(kept);
  sequences = std::move(remaining);
}

}  // namespace mica::lm
