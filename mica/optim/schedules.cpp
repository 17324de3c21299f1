#include "mica/optim/schedules.h"

#include <numbers>
#include <utility>

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"

namespace mica::optim {
namespace {

void check_positive(int steps, const char* name) {
  if (steps < 1) fail_as<std::invalid_argument>("[{}] the number of steps must be positive, not {}", name, steps);
}

/// An integer of the step's own type.
array count_like(const array& step, int value) {
  return array(value, step.dtype());
}

}  // namespace

Schedule exponential_decay(double init, double decay_rate) {
  return [=](const array& step) { return Weak(init) * power(array(decay_rate), step); };
}

Schedule step_decay(double init, double decay_rate, int step_size) {
  check_positive(step_size, "step_decay");
  return [=](const array& step) {
    return Weak(init) * power(array(decay_rate), floor_divide(step, count_like(step, step_size)));
  };
}

Schedule cosine_decay(double init, int decay_steps, double end) {
  check_positive(decay_steps, "cosine_decay");
  return [=](const array& step) {
    const array place = minimum(step, count_like(step, decay_steps));
    const array decay = Weak(0.5) * (Weak(1) + cos(Weak(std::numbers::pi / decay_steps) * place));
    return Weak(end) + decay * Weak(init - end);
  };
}

Schedule linear_schedule(double init, double end, int steps) {
  check_positive(steps, "linear_schedule");
  return [=](const array& step) {
    return minimum(step, count_like(step, steps)) * Weak((end - init) / steps) + Weak(init);
  };
}

Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int> boundaries) {
  if (schedules.empty() || schedules.size() != boundaries.size() + 1) {
    fail_as<std::invalid_argument>("[join_schedules] {} schedules with {} boundaries: one less is needed",
                                   schedules.size(), boundaries.size());
  }
  return [schedules = std::move(schedules), boundaries = std::move(boundaries)](const array& step) {
    array out = schedules[0](step);
    for (size_t i = 0; i < boundaries.size(); ++i) {
      const array boundary = count_like(step, boundaries[i]);
      out = where(step < boundary, out, schedules[i + 1](step - boundary));
    }
    return out;
  };
}

}  // namespace mica::optim
