#include "mica/cpu/fused_plan.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/elementwise.h"

namespace mica::cpu {
namespace {

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

/// The loop, if the operation makes sense for its operands.
template <typename Loop>
Loop defined(Loop loop, const Fused::Step& step, Dtype dtype) {
  if (!loop) {
    fail_as<std::invalid_argument>("[{}] not defined for {}", step.primitive->name(), dtype_name(dtype));
  }
  return loop;
}

Instruction look_up(const Fused::Step& step, Dtype dtype) {
  const ComputeType from = compute_type(dtype);
  const bool is_f32 = from == ComputeType::f32;
  Instruction out{Instruction::Kind::convert, step.dtype, from, compute_type(step.dtype), {}};
  const PrimitiveId id = step.primitive->id();
  if (id == Unary::static_id()) {
    const UnaryOp op = static_cast<const Unary&>(*step.primitive).op;
    const auto fast = is_f32 ? elementwise_kernels().unary[static_cast<int>(op)] : nullptr;
    out.kind = fast ? Instruction::Kind::unary_f32 : Instruction::Kind::unary;
    if (fast) {
      out.unary_f32 = fast;
    } else {
      out.unary = defined(generic_unary(op, from), step, dtype);
    }
  } else if (id == Binary::static_id()) {
    const BinaryOp op = static_cast<const Binary&>(*step.primitive).op;
    const auto fast = is_f32 ? elementwise_kernels().binary[static_cast<int>(op)] : nullptr;
    out.kind = fast ? Instruction::Kind::binary_f32 : Instruction::Kind::binary;
    if (fast) {
      out.binary_f32 = fast;
    } else {
      out.binary = defined(generic_binary(op, from), step, dtype);
    }
  } else if (id == Select::static_id()) {
    out.kind = Instruction::Kind::select;
  }
  return out;
}

/// For every value the last step that reads it.
std::vector<size_t> find_last_uses(const Fused& fused, size_t inputs) {
  std::vector<size_t> out(inputs + fused.steps.size(), 0);
  for (size_t i = 0; i < fused.steps.size(); ++i) {
    for (const int input : fused.steps[i].inputs) out[static_cast<size_t>(input)] = i;
  }
  return out;
}

}  // namespace

FusedPlan::FusedPlan(const Fused& fused, std::span<const array> inputs) : inputs_(inputs.size()) {
  std::vector<Dtype> dtypes;
  for (const array& input : inputs) dtypes.push_back(input.dtype());
  for (const Fused::Step& step : fused.steps) dtypes.push_back(step.dtype);
  const std::vector<size_t> last_uses = find_last_uses(fused, inputs_);
  std::vector<int> blocks(dtypes.size());
  std::iota(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(inputs_), 0);
  std::vector<int> free;
  for (size_t i = 0; i < fused.steps.size(); ++i) {
    const Fused::Step& step = fused.steps[i];
    const size_t value = inputs_ + i;
    Instruction instruction = look_up(step, dtypes[static_cast<size_t>(step.inputs[0])]);
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

void FusedPlan::run(const void** values, Block* blocks, std::byte* target, int64_t count) const {
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

}  // namespace mica::cpu
