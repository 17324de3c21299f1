// Runs fused chains of element-by-element operations: an interpreter over blocks of elements in the first-level cache.
#include "mica/transforms/fused.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fused_plan.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 16 * kBlock;

/// An input as the loop reads it: its strides over the output's axes, merged.
struct Operand {
  const std::byte* data;
  Dtype dtype;
  bool is_scalar;
  /// In the output's order without gaps.
  bool is_flat;
  Strides strides;
};

/// The loop over the output's elements with as few axes as the inputs allow.
struct BroadcastLoop {
  Shape shape;
  std::vector<Operand> operands;

  BroadcastLoop(const Shape& full, std::span<const array> inputs) {
    std::vector<Strides> spread;
    for (const array& input : inputs) {
      Strides strides(full.size(), 0);
      const size_t skip = full.size() - input.ndim();
      bool is_scalar = true;
      for (size_t i = 0; i < input.ndim(); ++i) {
        strides[skip + i] = input.shape()[i] == 1 ? 0 : input.strides()[i];
        is_scalar = is_scalar && strides[skip + i] == 0;
      }
      operands.push_back({input.data<std::byte>(), input.dtype(), is_scalar, false, {}});
      spread.push_back(std::move(strides));
    }
    for (size_t axis = 0; axis < full.size(); ++axis) {
      if (full[axis] == 1) continue;
      bool merges = !shape.empty();
      for (size_t j = 0; merges && j < spread.size(); ++j) {
        merges = operands[j].strides.back() == spread[j][axis] * full[axis];
      }
      if (merges) {
        shape.back() *= full[axis];
      } else {
        shape.push_back(full[axis]);
      }
      for (size_t j = 0; j < spread.size(); ++j) {
        if (merges) {
          operands[j].strides.back() = spread[j][axis];
        } else {
          operands[j].strides.push_back(spread[j][axis]);
        }
      }
    }
    if (shape.empty()) {
      shape.push_back(1);
      for (Operand& operand : operands) operand.strides.push_back(1);
    }
    const Strides in_order = row_contiguous_strides(shape);
    for (Operand& operand : operands) operand.is_flat = operand.strides == in_order;
  }

  bool is_flat() const {
    return std::all_of(operands.begin(), operands.end(),
                       [](const Operand& operand) { return operand.is_scalar || operand.is_flat; });
  }

  /// The element of an operand where row number `row` of the innermost axis begins.
  static int64_t row_offset(const Shape& shape, const Strides& strides, int64_t row) {
    int64_t offset = 0;
    for (size_t axis = shape.size() - 1; axis-- > 0;) {
      offset += row % shape[axis] * strides[axis];
      row /= shape[axis];
    }
    return offset;
  }
};

/// Rows shorter than this are put together to blocks: an instruction has its price, however short the block.
constexpr int64_t kShortRow = kBlock / 2;

/// Reads `count` elements of the operand from output element `at` on, over the ends of rows. Returns where they are: in
/// place, or in `block`.
const void* load_rows(const BroadcastLoop& loop, const Operand& operand, int64_t at, int64_t count, Block& block) {
  const int64_t row_length = loop.shape.back();
  const int64_t stride = operand.strides.back();
  const size_t width = compute_size(compute_type(operand.dtype));
  Block piece;
  for (int64_t done = 0; done < count;) {
    const int64_t column = (at + done) % row_length;
    const int64_t n = std::min(row_length - column, count - done);
    const int64_t place =
        BroadcastLoop::row_offset(loop.shape, operand.strides, (at + done) / row_length) + column * stride;
    const void* elements =
        load_block(operand.data + place * static_cast<int64_t>(operand.dtype.size()), operand.dtype, stride, n, piece);
    std::memcpy(block.bytes + static_cast<size_t>(done) * width, elements, static_cast<size_t>(n) * width);
    done += n;
  }
  return block.bytes;
}

const void* load_operand(const BroadcastLoop& loop, const Operand& operand, int64_t at, int64_t count, Block& block) {
  if (operand.is_flat) {
    return load_block(operand.data + at * static_cast<int64_t>(operand.dtype.size()), operand.dtype, 1, count, block);
  }
  if (loop.shape.back() < kShortRow) return load_rows(loop, operand, at, count, block);
  const int64_t stride = operand.strides.back();
  const int64_t place =
      BroadcastLoop::row_offset(loop.shape, operand.strides, at / loop.shape.back()) + at % loop.shape.back() * stride;
  return load_block(operand.data + place * static_cast<int64_t>(operand.dtype.size()), operand.dtype, stride, count,
                    block);
}

void run_range(const FusedPlan& plan, const BroadcastLoop& loop, array& out, int64_t begin, int64_t end) {
  const auto blocks = std::make_unique_for_overwrite<Block[]>(plan.block_count());
  std::vector<const void*> values(plan.block_count());
  for (size_t j = 0; j < loop.operands.size(); ++j) {
    // A scalar fills its block once.
    const Operand& operand = loop.operands[j];
    if (operand.is_scalar) values[j] = load_block(operand.data, operand.dtype, 0, kBlock, blocks[j]);
  }
  const int64_t row_length = loop.shape.back();
  const bool over_rows = loop.is_flat() || row_length < kShortRow;
  for (int64_t at = begin; at < end;) {
    const int64_t count = std::min({over_rows ? end - at : row_length - at % row_length, end - at, kBlock});
    for (size_t j = 0; j < loop.operands.size(); ++j) {
      const Operand& operand = loop.operands[j];
      if (!operand.is_scalar) values[j] = load_operand(loop, operand, at, count, blocks[j]);
    }
    plan.run(values.data(), blocks.get(), out.data<std::byte>() + at * static_cast<int64_t>(out.itemsize()), count);
    at += count;
  }
}

std::shared_ptr<const FusedPlan> plan_of(const Fused& fused, std::span<const array> inputs) {
  const std::lock_guard lock(fused.derived.mutex);
  if (!fused.derived.value) fused.derived.value = std::make_shared<FusedPlan>(fused, inputs);
  return std::static_pointer_cast<const FusedPlan>(fused.derived.value);
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
  ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()), kGrain,
                                    [&](int64_t begin, int64_t end) { run_range(*plan, loop, out, begin, end); });
}

}  // namespace

void register_fused(Backend& backend) {
  backend.add<Fused, fused>();
}

}  // namespace mica::cpu
