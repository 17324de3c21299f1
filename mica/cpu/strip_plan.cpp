#include "mica/cpu/strip_plan.h"

#include <algorithm>

#include "mica/ops/elementwise.h"

namespace mica::cpu {
namespace {

bool is_held(Dtype dtype) {
  return dtype == float32 || is_half(dtype) || dtype == bool_;
}

/// Translates steps in their order. The accumulator holds the last step's result; what is needed again later is kept
/// in a place that is used again when its value is done with.
class Translator {
 public:
  Translator(const Fused& fused, std::span<const array> inputs)
      : fused_(fused), inputs_(static_cast<int>(inputs.size())), places_(inputs.size() + fused.steps.size(), -1) {
    for (const array& input : inputs) dtypes_.push_back(input.dtype());
    for (const Fused::Step& step : fused.steps) dtypes_.push_back(step.dtype);
    for (int i = 0; i < inputs_; ++i) places_[static_cast<size_t>(i)] = i;
    last_uses_.resize(places_.size(), -1);
    for (size_t i = 0; i < fused.steps.size(); ++i) {
      for (const int input : fused.steps[i].inputs) last_uses_[static_cast<size_t>(input)] = static_cast<int>(i);
    }
  }

  bool run() {
    if (!std::ranges::all_of(dtypes_, is_held)) return false;
    for (size_t i = 0; i < fused_.steps.size(); ++i) {
      at_ = static_cast<int>(i);
      if (!translate(fused_.steps[i])) return false;
      accumulator_ = inputs_ + at_;
      round_to(fused_.steps[i].dtype);
      free_places(fused_.steps[i]);
    }
    return true;
  }

  std::vector<StripStep> steps;
  int kept = 0;

 private:
  bool translate(const Fused::Step& step) {
    const StripKernels& kernels = strip_kernels();
    const PrimitiveId id = step.primitive->id();
    const Dtype from = dtypes_[static_cast<size_t>(step.inputs[0])];
    if (id == Select::static_id()) {
      accumulate(step.inputs[0]);
      const int x = place_of(step.inputs[1]);
      steps.push_back({kernels.select, {x, place_of(step.inputs[2])}});
      return true;
    }
    if (id == AsType::static_id()) {
      // Truth values are 0 and 1 already; what becomes one has to be compared.
      if (step.dtype == bool_ && from != bool_) return false;
      accumulate(step.inputs[0]);
      return true;
    }
    if (from == bool_) return false;
    if (id == Unary::static_id()) {
      const auto handler = kernels.unary[static_cast<size_t>(static_cast<const Unary&>(*step.primitive).op)];
      if (!handler) return false;
      accumulate(step.inputs[0]);
      steps.push_back({handler, {0, 0}});
      return true;
    }
    return id == Binary::static_id() && translate_binary(step);
  }

  bool translate_binary(const Fused::Step& step) {
    const StripKernels& kernels = strip_kernels();
    const auto op = static_cast<size_t>(static_cast<const Binary&>(*step.primitive).op);
    if (!kernels.binary[op]) return false;
    if (accumulator_ == step.inputs[1] && accumulator_ != step.inputs[0]) {
      accumulate(step.inputs[1]);
      steps.push_back({kernels.reversed[op], {place_of(step.inputs[0]), 0}});
    } else {
      const int y = place_of(step.inputs[1]);
      accumulate(step.inputs[0]);
      steps.push_back({kernels.binary[op], {y, 0}});
    }
    return true;
  }

  /// The place of a value that a step reads besides the accumulator.
  int place_of(int value) {
    if (value == accumulator_) keep();
    return places_[static_cast<size_t>(value)];
  }

  /// Makes the accumulator a value. What was in it is kept if a step from here on reads it again.
  void accumulate(int value) {
    const bool is_read_again =
        accumulator_ >= 0 && last_uses_[static_cast<size_t>(accumulator_)] >= (value == accumulator_ ? at_ + 1 : at_);
    if (is_read_again) keep();
    if (value == accumulator_) return;
    steps.push_back({strip_kernels().load, {places_[static_cast<size_t>(value)], 0}});
    accumulator_ = value;
  }

  void keep() {
    int& place = places_[static_cast<size_t>(accumulator_)];
    if (place >= 0) return;
    if (free_.empty()) free_.push_back(inputs_ + kept++);
    place = free_.back();
    free_.pop_back();
    steps.push_back({strip_kernels().keep, {place, 0}});
  }

  void round_to(Dtype dtype) {
    if (dtype == float16) steps.push_back({strip_kernels().round_f16, {0, 0}});
    if (dtype == bfloat16) steps.push_back({strip_kernels().round_bf16, {0, 0}});
  }

  void free_places(const Fused::Step& step) {
    for (const int input : step.inputs) {
      int& place = places_[static_cast<size_t>(input)];
      if (input < inputs_ || place < 0 || last_uses_[static_cast<size_t>(input)] != at_) continue;
      free_.push_back(place);
      place = -1;
    }
  }

  const Fused& fused_;
  int inputs_;
  std::vector<Dtype> dtypes_;
  std::vector<int> places_;
  std::vector<int> last_uses_;
  std::vector<int> free_;
  int accumulator_ = -1;
  int at_ = 0;
};

}  // namespace

std::optional<StripPlan> StripPlan::make(const Fused& fused, std::span<const array> inputs) {
  Translator translator(fused, inputs);
  if (!translator.run()) return std::nullopt;
  StripPlan out;
  out.kept_ = translator.kept;
  out.steps_ = std::move(translator.steps);
  out.streamed_ = out.steps_;
  out.steps_.push_back({strip_kernels().finish, {0, 0}});
  out.streamed_.push_back({strip_kernels().finish_streamed, {0, 0}});
  return out;
}

}  // namespace mica::cpu
