#include "mica/cpu/strip_run.h"

#include <algorithm>
#include <limits>

#include "mica/cpu/kernels/elementwise.h"

namespace mica::cpu {

StripRun::StripRun(const StripPlan& plan, const BroadcastLoop& loop, array& out, bool is_streamed)
    : plan_(plan), loop_(loop), out_(out), is_streamed_(is_streamed) {
  const size_t inputs = loop.operands.size();
  const size_t values = inputs + static_cast<size_t>(plan.kept());
  strips_.resize((values + inputs + 1) * kLongestStrip);
  for (size_t j = 0; j < values; ++j) values_.push_back(strips_.data() + j * kLongestStrip);
  for (size_t j = 0; j < inputs; ++j) {
    const Operand& operand = loop.operands[j];
    moves_.push_back(!operand.is_scalar);
    if (operand.is_scalar) {
      Loader loader{j, {}, {}};
      std::fill_n(values_[j], kLongestStrip, *load(loader, 0, 1));
    } else if (!loop.is_in_place(operand)) {
      loaders_.push_back({j, {}, {}});
    }
  }
}

void StripRun::run(int64_t begin, int64_t end) {
  const bool in_place = loaders_.empty() && out_.dtype() == float32;
  const int64_t limit = in_place ? std::numeric_limits<int64_t>::max() : kBlock;
  for (int64_t at = begin; at < end;) {
    const int64_t count = std::min({loop_.row_rest(at), end - at, limit});
    run_piece(at, count);
    at += count;
  }
  if (is_streamed_) elementwise_kernels().end_stream();
}

float* StripRun::load(Loader& loader, int64_t at, int64_t count) {
  const Operand& operand = loop_.operands[loader.input];
  const void* loaded = loop_.load(operand, at, count, loader.loaded);
  // Programs only read their inputs.
  if (operand.dtype != bool_) return static_cast<float*>(const_cast<void*>(loaded));
  convert_block(loaded, ComputeType::boolean, loader.floats.bytes, ComputeType::f32, count);
  return reinterpret_cast<float*>(loader.floats.bytes);
}

void StripRun::run_piece(int64_t at, int64_t count) {
  for (size_t j = 0; j < loop_.operands.size(); ++j) {
    if (moves_[j] && loop_.is_in_place(loop_.operands[j]))
      values_[j] = const_cast<float*>(loop_.in_place(loop_.operands[j], at));
  }
  for (Loader& loader : loaders_) values_[loader.input] = load(loader, at, count);
  std::byte* target = out_.data<std::byte>() + at * static_cast<int64_t>(out_.itemsize());
  const bool is_direct = out_.dtype() == float32;
  auto* result = reinterpret_cast<float*>(is_direct ? target : result_.bytes);
  const bool is_streamed = is_streamed_ && reinterpret_cast<uintptr_t>(result) % 64 == 0;
  const auto inputs = static_cast<int64_t>(loop_.operands.size());
  float* padded = strips_.data() + values_.size() * kLongestStrip;
  strip_kernels().run(plan_.steps(is_streamed).data(), {values_.data(), inputs, moves_.data(), result, padded}, count);
  if (out_.dtype() == bool_) {
    convert_block(result, ComputeType::f32, target, ComputeType::boolean, count);
  } else if (!is_direct) {
    store_block(result, target, out_.dtype(), count);
  }
}

}  // namespace mica::cpu
