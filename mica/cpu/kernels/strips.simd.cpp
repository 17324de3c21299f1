#include "mica/cpu/kernels/strips.h"

#include "mica/cpu/kernels/simd_operations.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Eight vectors: as many as are passed in registers.
constexpr int64_t kStrip = 8 * F32::kLanes;
static_assert(kStrip <= kLongestStrip);

using Step = void (*)(const StripStep*, const StripFrame&, F32, F32, F32, F32, F32, F32, F32, F32);

void run_next(const StripStep* step, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h) {
  reinterpret_cast<Step>(step[1].run)(step + 1, frame, a, b, c, d, e, f, g, h);
}

/// The numbers of vector i of an operand.
F32 operand(const float* value, int i) {
  return F32::load(value + i * F32::kLanes);
}

template <F32 (*op)(F32)>
void unary(const StripStep* step, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h) {
  run_next(step, frame, op(a), op(b), op(c), op(d), op(e), op(f), op(g), op(h));
}

template <F32 (*op)(F32, F32)>
void binary(const StripStep* step, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h) {
  const float* y = frame.values[step->operands[0]];
  run_next(step, frame, op(a, operand(y, 0)), op(b, operand(y, 1)), op(c, operand(y, 2)), op(d, operand(y, 3)),
           op(e, operand(y, 4)), op(f, operand(y, 5)), op(g, operand(y, 6)), op(h, operand(y, 7)));
}

template <F32 (*op)(F32, F32)>
F32 swapped(F32 x, F32 y) {
  return op(y, x);
}

void select_step(const StripStep* step, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g,
                 F32 h) {
  const float* x = frame.values[step->operands[0]];
  const float* y = frame.values[step->operands[1]];
  const auto pick = [&](F32 condition, int i) { return select(condition == F32(0.0f), operand(y, i), operand(x, i)); };
  run_next(step, frame, pick(a, 0), pick(b, 1), pick(c, 2), pick(d, 3), pick(e, 4), pick(f, 5), pick(g, 6), pick(h, 7));
}

void load(const StripStep* step, const StripFrame& frame, F32, F32, F32, F32, F32, F32, F32, F32) {
  const float* x = frame.values[step->operands[0]];
  run_next(step, frame, operand(x, 0), operand(x, 1), operand(x, 2), operand(x, 3), operand(x, 4), operand(x, 5),
           operand(x, 6), operand(x, 7));
}

template <typename Write>
void write(F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h, float* out, Write one) {
  one(a, out);
  one(b, out + F32::kLanes);
  one(c, out + 2 * F32::kLanes);
  one(d, out + 3 * F32::kLanes);
  one(e, out + 4 * F32::kLanes);
  one(f, out + 5 * F32::kLanes);
  one(g, out + 6 * F32::kLanes);
  one(h, out + 7 * F32::kLanes);
}

void keep(const StripStep* step, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h) {
  write(a, b, c, d, e, f, g, h, frame.values[step->operands[0]], [](F32 x, float* out) { x.store(out); });
  run_next(step, frame, a, b, c, d, e, f, g, h);
}

void finish(const StripStep*, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g, F32 h) {
  write(a, b, c, d, e, f, g, h, frame.out, [](F32 x, float* out) { x.store(out); });
}

void finish_streamed(const StripStep*, const StripFrame& frame, F32 a, F32 b, F32 c, F32 d, F32 e, F32 f, F32 g,
                     F32 h) {
  write(a, b, c, d, e, f, g, h, frame.out, [](F32 x, float* out) { x.stream(out); });
}

F32 round_f16(F32 x) {
  uint16_t stored[F32::kLanes];
  x.store_f16(stored);
  return F32::load_f16(stored);
}

F32 round_bf16(F32 x) {
  uint16_t stored[F32::kLanes];
  x.store_bf16(stored);
  return F32::load_bf16(stored);
}

void run_strip(const StripStep* steps, const StripFrame& frame) {
  const F32 zero(0.0f);
  reinterpret_cast<Step>(steps->run)(steps, frame, zero, zero, zero, zero, zero, zero, zero, zero);
}

void run(const StripStep* steps, const StripFrame& start, int64_t count) {
  StripFrame frame = start;
  for (; count >= kStrip; count -= kStrip) {
    run_strip(steps, frame);
    for (int64_t j = 0; j < frame.inputs; ++j) frame.values[j] += frame.moves[j] ? kStrip : 0;
    frame.out += kStrip;
  }
  if (count == 0) return;
  const auto bytes = static_cast<size_t>(count) * sizeof(float);
  for (int64_t j = 0; j < frame.inputs; ++j) {
    if (!frame.moves[j]) continue;
    float* padded = frame.padded + j * kStrip;
    __builtin_memcpy(padded, frame.values[j], bytes);
    for (int64_t i = count; i < kStrip; ++i) padded[i] = 0;
    frame.values[j] = padded;
  }
  float* out = frame.out;
  frame.out = frame.padded + frame.inputs * kStrip;
  run_strip(steps, frame);
  __builtin_memcpy(out, frame.out, bytes);
}

StripStep::Handler handler(Step step) {
  return reinterpret_cast<StripStep::Handler>(step);
}

struct Table {
  StripKernels kernels;

  template <F32 (*function)(F32)>
  void unary(UnaryOp op) {
    kernels.unary[static_cast<int>(op)] = handler(MICA_ISA_NS::unary<function>);
  }
  template <F32 (*function)(F32, F32)>
  void binary(BinaryOp op) {
    kernels.binary[static_cast<int>(op)] = handler(MICA_ISA_NS::binary<function>);
    kernels.reversed[static_cast<int>(op)] = handler(MICA_ISA_NS::binary<swapped<function>>);
  }
};

F32 truth(Mask mask) {
  return select(mask, F32(1.0f), F32(0.0f));
}
F32 equal(F32 x, F32 y) {
  return truth(x == y);
}
F32 not_equal(F32 x, F32 y) {
  return select(x == y, F32(0.0f), F32(1.0f));
}
F32 less(F32 x, F32 y) {
  return truth(x < y);
}
F32 less_equal(F32 x, F32 y) {
  return truth(x <= y);
}

StripKernels make_kernels() {
  Table table;
  list_operations(table);
  table.binary<equal>(BinaryOp::equal);
  table.binary<not_equal>(BinaryOp::not_equal);
  table.binary<less>(BinaryOp::less);
  table.binary<less_equal>(BinaryOp::less_equal);
  table.binary<swapped<less>>(BinaryOp::greater);
  table.binary<swapped<less_equal>>(BinaryOp::greater_equal);
  StripKernels& k = table.kernels;
  k.select = handler(select_step);
  k.load = handler(load);
  k.keep = handler(keep);
  k.round_f16 = handler(unary<round_f16>);
  k.round_bf16 = handler(unary<round_bf16>);
  k.finish = handler(finish);
  k.finish_streamed = handler(finish_streamed);
  k.run = run;
  return k;
}

}  // namespace

const StripKernels& strips() {
  static const StripKernels kernels = make_kernels();
  return kernels;
}

}  // namespace mica::cpu::MICA_ISA_NS
