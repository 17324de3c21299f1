#pragma once

#include <vector>

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// init · decay_rateˢᵗᵉᵖ
Schedule exponential_decay(double init, double decay_rate);
/// init · decay_rate^⌊step / step_size⌋; step_size must be positive (std::invalid_argument).
Schedule step_decay(double init, double decay_rate, int step_size);
/// From init down to end along half a cosine over decay_steps, which must be positive (std::invalid_argument).
Schedule cosine_decay(double init, int decay_steps, double end = 0.0);
/// From init to end along a line over `steps`, which must be positive (std::invalid_argument).
Schedule linear_schedule(double init, double end, int steps);
/// The first schedule before the first boundary, the second, counted from there, before the next …. One boundary less
/// than schedules (std::invalid_argument).
Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int> boundaries);

}  // namespace mica::optim
