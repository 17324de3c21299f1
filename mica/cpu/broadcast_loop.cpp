#include "mica/cpu/broadcast_loop.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace mica::cpu {
namespace {

/// Rows shorter than this are put together.
constexpr int64_t kShortRow = kBlock / 2;

}  // namespace

BroadcastLoop::BroadcastLoop(const Shape& full, std::span<const array> inputs) {
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

bool BroadcastLoop::is_flat() const {
  return std::ranges::all_of(operands, [](const Operand& operand) { return operand.is_scalar || operand.is_flat; });
}

int64_t BroadcastLoop::row_rest(int64_t at) const {
  const int64_t row_length = shape.back();
  if (is_flat() || row_length < kShortRow) return std::numeric_limits<int64_t>::max();
  return row_length - at % row_length;
}

bool BroadcastLoop::is_in_place(const Operand& operand) const {
  return operand.dtype == float32 && (operand.is_flat || (shape.back() >= kShortRow && operand.strides.back() == 1));
}

const float* BroadcastLoop::in_place(const Operand& operand, int64_t at) const {
  return reinterpret_cast<const float*>(address(operand, at));
}

const std::byte* BroadcastLoop::address(const Operand& operand, int64_t at) const {
  int64_t element = at;
  if (!operand.is_flat) {
    element = at % shape.back() * operand.strides.back();
    int64_t row = at / shape.back();
    for (size_t axis = shape.size() - 1; axis-- > 0;) {
      element += row % shape[axis] * operand.strides[axis];
      row /= shape[axis];
    }
  }
  return operand.data + element * static_cast<int64_t>(operand.dtype.size());
}

const void* BroadcastLoop::load_rows(const Operand& operand, int64_t at, int64_t count, Block& block) const {
  const int64_t row_length = shape.back();
  const size_t width = compute_size(compute_type(operand.dtype));
  Block piece;
  for (int64_t done = 0; done < count;) {
    const int64_t n = std::min(row_length - (at + done) % row_length, count - done);
    const void* elements = load_block(address(operand, at + done), operand.dtype, operand.strides.back(), n, piece);
    std::memcpy(block.bytes + static_cast<size_t>(done) * width, elements, static_cast<size_t>(n) * width);
    done += n;
  }
  return block.bytes;
}

const void* BroadcastLoop::load(const Operand& operand, int64_t at, int64_t count, Block& block) const {
  if (!operand.is_flat && shape.back() < kShortRow) return load_rows(operand, at, count, block);
  return load_block(address(operand, at), operand.dtype, operand.is_flat ? 1 : operand.strides.back(), count, block);
}

}  // namespace mica::cpu
