#include "mica/cpu/kernels/elementwise.h"

#include "mica/cpu/kernels/simd_operations.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

enum class Write { stored, streamed };

bool is_aligned(const float* p) {
  return reinterpret_cast<uintptr_t>(p) % sizeof(F32) == 0;
}

template <F32 (*op)(F32), Write write = Write::stored>
void map(const float* x, float* out, int64_t count) {
  int64_t i = 0;
  if (write == Write::streamed && is_aligned(out)) {
    for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i)).stream(out + i);
  }
  for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i)).store(out + i);
  if (i < count) op(F32::load(x + i, count - i)).store(out + i, count - i);
}

template <F32 (*op)(F32, F32), Write write = Write::stored>
void map(const float* x, const float* y, float* out, int64_t count) {
  int64_t i = 0;
  if (write == Write::streamed && is_aligned(out)) {
    for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i), F32::load(y + i)).stream(out + i);
  }
  for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i), F32::load(y + i)).store(out + i);
  if (i < count) op(F32::load(x + i, count - i), F32::load(y + i, count - i)).store(out + i, count - i);
}

void load_f16(const uint16_t* x, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load_f16(x + i).store(out + i);
  if (i < count) F32::load_f16(x + i, count - i).store(out + i, count - i);
}

void load_bf16(const uint16_t* x, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load_bf16(x + i).store(out + i);
  if (i < count) F32::load_bf16(x + i, count - i).store(out + i, count - i);
}

void store_f16(const float* x, uint16_t* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load(x + i).store_f16(out + i);
  if (i < count) F32::load(x + i, count - i).store_f16(out + i, count - i);
}

void store_bf16(const float* x, uint16_t* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load(x + i).store_bf16(out + i);
  if (i < count) F32::load(x + i, count - i).store_bf16(out + i, count - i);
}

struct Table {
  ElementwiseKernels kernels;

  template <F32 (*function)(F32)>
  constexpr void unary(UnaryOp op) {
    kernels.unary[static_cast<int>(op)] = map<function>;
    kernels.streamed_unary[static_cast<int>(op)] = map<function, Write::streamed>;
  }
  template <F32 (*function)(F32, F32)>
  constexpr void binary(BinaryOp op) {
    kernels.binary[static_cast<int>(op)] = map<function>;
    kernels.streamed_binary[static_cast<int>(op)] = map<function, Write::streamed>;
  }
};

constexpr ElementwiseKernels make_kernels() {
  Table table;
  list_operations(table);
  ElementwiseKernels& k = table.kernels;
  k.load_f16 = load_f16;
  k.load_bf16 = load_bf16;
  k.store_f16 = store_f16;
  k.store_bf16 = store_bf16;
  k.end_stream = end_stream;
  return k;
}

}  // namespace

constinit const ElementwiseKernels elementwise = make_kernels();

}  // namespace mica::cpu::MICA_ISA_NS
