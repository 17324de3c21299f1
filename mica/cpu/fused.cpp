// Runs fused chains of element-by-element operations: over strips of elements in registers, or over blocks in the
// first-level cache.
#include "mica/transforms/fused.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "mica/base/thread_pool.h"
#include "mica/cpu/broadcast_loop.h"
#include "mica/cpu/fused_plan.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/strip_run.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 16 * kBlock;

/// What is made of a Fused: a program over strips, or one over blocks where that can't be.
struct Plan {
  Plan(const Fused& fused, std::span<const array> inputs) : strips(StripPlan::make(fused, inputs)) {
    if (!strips) blocks.emplace(fused, inputs);
  }
  std::optional<StripPlan> strips;
  std::optional<FusedPlan> blocks;
};

void run_blocks(const FusedPlan& plan, const BroadcastLoop& loop, array& out, int64_t begin, int64_t end) {
  const auto blocks = std::make_unique_for_overwrite<Block[]>(plan.block_count());
  std::vector<const void*> values(plan.block_count());
  for (size_t j = 0; j < loop.operands.size(); ++j) {
    // A scalar fills its block once.
    const Operand& operand = loop.operands[j];
    if (operand.is_scalar) values[j] = load_block(operand.data, operand.dtype, 0, kBlock, blocks[j]);
  }
  for (int64_t at = begin; at < end;) {
    const int64_t count = std::min({loop.row_rest(at), end - at, kBlock});
    for (size_t j = 0; j < loop.operands.size(); ++j) {
      const Operand& operand = loop.operands[j];
      if (!operand.is_scalar) values[j] = loop.load(operand, at, count, blocks[j]);
    }
    plan.run(values.data(), blocks.get(), out.data<std::byte>() + at * static_cast<int64_t>(out.itemsize()), count);
    at += count;
  }
}

std::shared_ptr<const Plan> plan_of(const Fused& fused, std::span<const array> inputs) {
  const std::lock_guard lock(fused.derived.mutex);
  if (!fused.derived.value) fused.derived.value = std::make_shared<Plan>(fused, inputs);
  return std::static_pointer_cast<const Plan>(fused.derived.value);
}

void fused(const Fused& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  const auto plan = plan_of(primitive, inputs);
  array* donor = inputs.data();
  for (array& input : inputs) {
    const bool fits = input.is_donatable() && input.flags().row_contiguous && input.shape() == out.shape() &&
                      input.itemsize() == out.itemsize();
    if (fits) donor = &input;
  }
  if (donor->shape() == out.shape()) {
    donate_or_allocate(*donor, out);
  } else {
    allocate(out);
  }
  if (out.size() == 0) return;
  const BroadcastLoop loop(out.shape(), inputs);
  const bool streamed = is_streamed(out, inputs);
  ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()), kGrain, [&](int64_t begin, int64_t end) {
    if (plan->strips) {
      StripRun(*plan->strips, loop, out, streamed).run(begin, end);
    } else {
      run_blocks(*plan->blocks, loop, out, begin, end);
    }
  });
}

}  // namespace

void register_fused(Backend& backend) {
  backend.add<Fused, fused>();
}

}  // namespace mica::cpu
