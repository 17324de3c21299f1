#include "mica/ops/gated_delta.h"

#include <algorithm>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Rows of a head's state have nothing to do with each other: one of them goes through all steps.
struct Row {
  const float* q;
  const float* k;
  const float* gate;
  const float* v;
  const float* beta;
  const bool* mask;  ///< null without one
  float* y;
  float* state;
};

/// Distances from one step to the next, in elements.
struct Steps {
  int64_t count;
  int64_t features;  ///< of a key
  int64_t q;
  int64_t gate;
  int64_t v;
  int64_t beta;
  bool gate_each;  ///< one gate for each feature
};

void run(const Row& row, const Steps& steps) {
  float* state = row.state;
  for (int64_t t = 0; t < steps.count; ++t) {
    float& y = row.y[t * steps.v];
    y = 0.0f;
    if (row.mask && !row.mask[t]) continue;
    const float* q = row.q + t * steps.q;
    const float* k = row.k + t * steps.q;
    const float* gate = row.gate + t * steps.gate;
    float known = 0.0f;
    for (int64_t i = 0; i < steps.features; ++i) {
      state[i] *= gate[steps.gate_each ? i : 0];
      known += state[i] * k[i];
    }
    const float correction = (row.v[t * steps.v] - known) * row.beta[t * steps.beta];
    float read = 0.0f;
    for (int64_t i = 0; i < steps.features; ++i) {
      state[i] += correction * k[i];
      read += state[i] * q[i];
    }
    y = read;
  }
}

void gated_delta(const GatedDelta& primitive, std::span<array> inputs, std::span<array> outputs) {
  std::vector<array> in;
  for (const array& input : inputs) in.push_back(row_contiguous(input));
  for (array& out : outputs) allocate(out);
  if (outputs[0].size() == 0 || outputs[1].size() == 0) {
    std::fill_n(outputs[0].data<float>(), outputs[0].size(), 0.0f);
    return;
  }
  std::copy_n(in[5].data<float>(), in[5].size(), outputs[1].data<float>());
  const int64_t length = in[2].shape(1);
  const int64_t heads = in[2].shape(2);
  const int64_t rows = in[2].shape(3);
  const int64_t key_heads = in[0].shape(2);
  const int64_t features = in[0].shape(3);
  const int64_t gates = in[3].shape(3);
  const Steps steps = {length, features, key_heads * features, heads * gates, heads * rows, heads, gates > 1};
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, length * features));
  ThreadPool::global().parallel_for(in[2].shape(0) * heads * rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t place = begin; place < end; ++place) {
      const int64_t row = place % rows;
      const int64_t head = place / rows % heads;
      const int64_t first = place / (rows * heads) * length;  // the sample's first step
      const int64_t key = (first * key_heads + head / (heads / key_heads)) * features;
      run({in[0].data<float>() + key, in[1].data<float>() + key, in[3].data<float>() + (first * heads + head) * gates,
           in[2].data<float>() + (first * heads + head) * rows + row, in[4].data<float>() + first * heads + head,
           primitive.has_mask ? in[6].data<bool>() + first : nullptr,
           outputs[0].data<float>() + (first * heads + head) * rows + row, outputs[1].data<float>() + place * features},
          steps);
    }
  });
}

}  // namespace

void register_gated_delta(Backend& backend) {
  backend.add<GatedDelta, gated_delta>();
}

}  // namespace mica::cpu
