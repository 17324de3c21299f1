// Runs fused chains of element-by-element operations: an interpreter over blocks of elements. Every step reads and
// writes blocks in the first-level cache and calls the same loops as the single operation does, so that the results
// are the same to the bit.
#include "mica/transforms/fused.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/elementwise_generic.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/ops/elementwise.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 16 * kBlock;

/// One step with everything looked up.
struct Instruction {
  enum class Kind : uint8_t { unary_f32, unary, binary_f32, binary, select, convert };
  Kind kind;
  Dtype dtype;
  ComputeType from;
  ComputeType to;
  union {
    ElementwiseKernels::Unary unary_f32;
    UnaryLoop unary;
    ElementwiseKernels::Binary binary_f32;
    BinaryLoop binary;
  };
  /// Numbers of blocks: those of the inputs, then the registers.
  std::array<int, 3> inputs{};
  int output = 0;
};

/// Whether results of the type change when they are stored: they are rounded or cut after every step then.
bool is_stored_differently(Dtype dtype) {
  return compute_size(compute_type(dtype)) != dtype.size();
}

template <typename T>
void select_block(const bool* condition, const void* x, const void* y, void* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    static_cast<T*>(out)[i] = static_cast<const T*>(condition[i] ? x : y)[i];
  }
}

void run_instruction(const Instruction& step, const void* const* in, void* out, int64_t count) {
  switch (step.kind) {
    case Instruction::Kind::unary_f32:
      return step.unary_f32(static_cast<const float*>(in[0]), static_cast<float*>(out), count);
    case Instruction::Kind::unary:
      return step.unary(in[0], out, count);
    case Instruction::Kind::binary_f32:
      return step.binary_f32(static_cast<const float*>(in[0]), static_cast<const float*>(in[1]),
                             static_cast<float*>(out), count);
    case Instruction::Kind::binary:
      return step.binary(in[0], in[1], out, count);
    case Instruction::Kind::select: {
      const auto* condition = static_cast<const bool*>(in[0]);
      const size_t width = compute_size(step.to);
      if (width == 1) return select_block<uint8_t>(condition, in[1], in[2], out, count);
      if (width == 4) return select_block<uint32_t>(condition, in[1], in[2], out, count);
      return select_block<uint64_t>(condition, in[1], in[2], out, count);
    }
    case Instruction::Kind::convert:
      if (step.from == step.to) {
        std::memcpy(out, in[0], static_cast<size_t>(count) * compute_size(step.to));
      } else {
        convert_block(in[0], step.from, out, step.to, count);
      }
  }
}

/// The steps as instructions over blocks that are used again when their values are done with.
class Plan {
 public:
  Plan(const Fused& fused, std::span<const array> inputs) : inputs_(inputs.size()) {
    std::vector<Dtype> dtypes;
    for (const array& input : inputs) dtypes.push_back(input.dtype());
    for (const Fused::Step& step : fused.steps) dtypes.push_back(step.dtype);
    const std::vector<size_t> last_uses = find_last_uses(fused);
    std::vector<int> blocks(dtypes.size());
    std::iota(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(inputs_), 0);
    std::vector<int> free;
    for (size_t i = 0; i < fused.steps.size(); ++i) {
      const Fused::Step& step = fused.steps[i];
      const size_t value = inputs_ + i;
      Instruction instruction = look_up(step, dtypes);
      // The result gets a block of its own, since types differ in width; then those of the operands are free.
      if (free.empty()) free.push_back(static_cast<int>(inputs_ + registers_++));
      blocks[value] = free.back();
      free.pop_back();
      instruction.output = blocks[value];
      for (size_t j = 0; j < step.inputs.size(); ++j) {
        const auto operand = static_cast<size_t>(step.inputs[j]);
        instruction.inputs[j] = blocks[operand];
        const bool again = std::find(step.inputs.begin(), step.inputs.begin() + static_cast<std::ptrdiff_t>(j),
                                     step.inputs[j]) != step.inputs.begin() + static_cast<std::ptrdiff_t>(j);
        if (operand >= inputs_ && last_uses[operand] == i && !again) free.push_back(blocks[operand]);
      }
      instructions_.push_back(instruction);
    }
  }

  size_t block_count() const { return inputs_ + registers_ + 1; }

  /// Computes `count` elements; `values` has the inputs' blocks and room for the registers'.
  void run(const void** values, Block* blocks, std::byte* target, int64_t count) const {
    Block& spare = blocks[inputs_ + registers_];
    for (size_t i = 0; i < instructions_.size(); ++i) {
      const Instruction& step = instructions_[i];
      const bool last = i + 1 == instructions_.size();
      const std::array<const void*, 3> in = {values[step.inputs[0]], values[step.inputs[1]], values[step.inputs[2]]};
      Block& own = blocks[step.output];
      if (last) {
        void* out = block_target(target, step.dtype, own);
        run_instruction(step, in.data(), out, count);
        store_block(out, target, step.dtype, count);
        return;
      }
      run_instruction(step, in.data(), own.bytes, count);
      values[step.output] = own.bytes;
      if (is_stored_differently(step.dtype)) {
        store_block(own.bytes, spare.bytes, step.dtype, count);
        values[step.output] = load_block(spare.bytes, step.dtype, 1, count, own);
      }
    }
  }

 private:
  std::vector<size_t> find_last_uses(const Fused& fused) const {
    std::vector<size_t> out(inputs_ + fused.steps.size(), 0);
    for (size_t i = 0; i < fused.steps.size(); ++i) {
      for (const int input : fused.steps[i].inputs) out[static_cast<size_t>(input)] = i;
    }
    return out;
  }

  static Instruction look_up(const Fused::Step& step, const std::vector<Dtype>& dtypes) {
    const ComputeType from = compute_type(dtypes[static_cast<size_t>(step.inputs[0])]);
    Instruction out{Instruction::Kind::convert, step.dtype, from, compute_type(step.dtype), {}};
    const PrimitiveId id = step.primitive->id();
    if (id == Unary::static_id()) {
      const UnaryOp op = static_cast<const Unary&>(*step.primitive).op;
      out.unary_f32 = from == ComputeType::f32 ? elementwise_kernels().unary[static_cast<int>(op)] : nullptr;
      out.kind = out.unary_f32 ? Instruction::Kind::unary_f32 : Instruction::Kind::unary;
      if (!out.unary_f32) out.unary = generic_unary(op, from);
      if (!out.unary_f32) check_defined(out.unary, step, dtypes);
    } else if (id == Binary::static_id()) {
      const BinaryOp op = static_cast<const Binary&>(*step.primitive).op;
      out.binary_f32 = from == ComputeType::f32 ? elementwise_kernels().binary[static_cast<int>(op)] : nullptr;
      out.kind = out.binary_f32 ? Instruction::Kind::binary_f32 : Instruction::Kind::binary;
      if (!out.binary_f32) out.binary = generic_binary(op, from);
      if (!out.binary_f32) check_defined(out.binary, step, dtypes);
    } else if (id == Select::static_id()) {
      out.kind = Instruction::Kind::select;
    }
    return out;
  }

  template <typename Loop>
  static void check_defined(Loop loop, const Fused::Step& step, const std::vector<Dtype>& dtypes) {
    if (loop) return;
    fail_as<std::invalid_argument>("[{}] not defined for {}", step.primitive->name(),
                                   dtype_name(dtypes[static_cast<size_t>(step.inputs[0])]));
  }

  size_t inputs_;
  size_t registers_ = 0;
  std::vector<Instruction> instructions_;
};

/// An input as the loop reads it: its strides over the output's axes, merged.
struct Operand {
  const std::byte* data;
  Dtype dtype;
  bool is_scalar;
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
      operands.push_back({input.data<std::byte>(), input.dtype(), is_scalar, {}});
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

void run_range(const Plan& plan, const BroadcastLoop& loop, array& out, int64_t begin, int64_t end) {
  const auto blocks = std::make_unique_for_overwrite<Block[]>(plan.block_count());
  std::vector<const void*> values(plan.block_count());
  for (size_t j = 0; j < loop.operands.size(); ++j) {
    // A scalar fills its block once.
    const Operand& operand = loop.operands[j];
    if (operand.is_scalar) values[j] = load_block(operand.data, operand.dtype, 0, kBlock, blocks[j]);
  }
  const int64_t row_length = loop.shape.back();
  for (int64_t at = begin; at < end;) {
    const int64_t row = at / row_length;
    const int64_t column = at % row_length;
    const int64_t count = std::min({row_length - column, end - at, kBlock});
    for (size_t j = 0; j < loop.operands.size(); ++j) {
      const Operand& operand = loop.operands[j];
      if (operand.is_scalar) continue;
      const int64_t stride = operand.strides.back();
      const int64_t place = BroadcastLoop::row_offset(loop.shape, operand.strides, row) + column * stride;
      values[j] = load_block(operand.data + place * static_cast<int64_t>(operand.dtype.size()), operand.dtype, stride,
                             count, blocks[j]);
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
  ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()), kGrain,
                                    [&](int64_t begin, int64_t end) { run_range(*plan, loop, out, begin, end); });
}

}  // namespace

void register_fused(Backend& backend) {
  backend.add<Fused, fused>();
}

}  // namespace mica::cpu
