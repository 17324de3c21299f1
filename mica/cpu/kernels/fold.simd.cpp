#include "mica/cpu/kernels/fold.h"

#include "mica/cpu/kernels/fold_ops.h"
#include "mica/cpu/kernels/gemm_elements.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int64_t kLanes = F32::kLanes;

template <typename Element, FoldOp op>
struct Floats {
  using Stored = typename Element::Stored;
  static constexpr int kRows = 4;

  /// The first n lanes of an element vector, the others neutral.
  static F32 load_some(const Stored* x, int64_t n) {
    float lanes[kLanes];
    F32(neutral_float<op>()).store(lanes);
    Element::load(x, n).store(lanes, n);
    return F32::load(lanes);
  }

  static void row(const void* from, int64_t count, void* total) {
    const auto* x = static_cast<const Stored*>(from);
    const F32 start(neutral_float<op>());
    F32 a[4] = {start, start, start, start};
    int64_t i = 0;
    for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) a[j] = fold_step<op>(a[j], Element::load(x + i + j * kLanes));
    }
    for (; i + kLanes <= count; i += kLanes) a[0] = fold_step<op>(a[0], Element::load(x + i));
    if (i < count) a[1] = fold_step<op>(a[1], load_some(x + i, count - i));
    const F32 rest = fold_step<op>(fold_step<op>(a[0], a[1]), fold_step<op>(a[2], a[3]));
    *static_cast<float*>(total) = fold_lanes<op>(rest);
  }

  static void columns(const void* from, int64_t rows, int64_t stride, int64_t count, void* to) {
    const auto* x = static_cast<const Stored*>(from);
    auto* totals = static_cast<float*>(to);
    int64_t i = 0;
    for (; i + kRows <= rows; i += kRows) some_rows<kRows>(x + i * stride, stride, count, totals);
    for (; i < rows; ++i) some_rows<1>(x + i * stride, stride, count, totals);
  }

  static int64_t find(const void* from, int64_t count, const void* total) {
    const auto* x = static_cast<const Stored*>(from);
    const F32 wanted(*static_cast<const float*>(total));
    int64_t i = 0;
    while (i + kLanes <= count && !any(hits(Element::load(x + i), wanted))) i += kLanes;
    float lanes[kLanes] = {};
    const int64_t left = count - i < kLanes ? count - i : kLanes;
    select(hits(Element::load(x + i, left), wanted), F32(1.0f), F32(0.0f)).store(lanes);
    for (int64_t j = 0; j < left; ++j) {
      if (lanes[j] != 0.0f) return i + j;
    }
    return 0;
  }

  static void find_columns(const void* from, int64_t rows, int64_t stride, int64_t count, const void* totals,
                           uint32_t* index) {
    const auto* x = static_cast<const Stored*>(from);
    const auto* wanted = static_cast<const float*>(totals);
    // From the last row on, so that the first one stays.
    for (int64_t i = rows; i-- > 0;) {
      const F32 number = as_f32(I32(static_cast<int32_t>(i)));
      for (int64_t j = 0; j < count; j += kLanes) {
        const int64_t n = count - j < kLanes ? count - j : kLanes;
        auto* at = reinterpret_cast<float*>(index + j);
        select(hits(Element::load(x + i * stride + j, n), F32::load(wanted + j, n)), number, F32::load(at, n))
            .store(at, n);
      }
    }
  }

 private:
  static Mask hits(F32 x, F32 wanted) {
    // Where the total is NaN, its comparison with itself fails; so does that of the elements looked for.
    const F32 one(1.0f);
    const F32 zero(0.0f);
    const F32 both_nan = select(x == x, zero, select(wanted == wanted, zero, one));
    return (x == wanted) | (both_nan == one);
  }

  template <int kCount>
  static void some_rows(const Stored* x, int64_t stride, int64_t count, float* totals) {
    int64_t j = 0;
    for (; j + kLanes <= count; j += kLanes) {
      F32 total = F32::load(totals + j);
#pragma GCC unroll 4
      for (int i = 0; i < kCount; ++i) total = fold_step<op>(total, Element::load(x + i * stride + j));
      total.store(totals + j);
    }
    if (j == count) return;
    F32 total = F32::load(totals + j, count - j);
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) total = fold_step<op>(total, Element::load(x + i * stride + j, count - j));
    total.store(totals + j, count - j);
  }
};

/// Plain loops that the compiler turns into vector code.
template <typename T, FoldOp op>
struct Integers {
  using Total = typename IntegerTotal<op, static_cast<T>(-1) < static_cast<T>(0)>::Type;

  static void row(const void* from, int64_t count, void* to) {
    const auto* x = static_cast<const T*>(from);
    Total total = neutral_integer<op, Total>();
    for (int64_t i = 0; i < count; ++i) total = fold_step<op, Total>(total, static_cast<Total>(x[i]));
    *static_cast<Total*>(to) = total;
  }

  static void columns(const void* from, int64_t rows, int64_t stride, int64_t count, void* to) {
    const auto* x = static_cast<const T*>(from);
    auto* __restrict totals = static_cast<Total*>(to);
    for (int64_t i = 0; i < rows; ++i) {
      const T* row = x + i * stride;
      for (int64_t j = 0; j < count; ++j) totals[j] = fold_step<op, Total>(totals[j], static_cast<Total>(row[j]));
    }
  }

  static int64_t find(const void* from, int64_t count, const void* total) {
    const auto* x = static_cast<const T*>(from);
    const Total wanted = *static_cast<const Total*>(total);
    constexpr int64_t kStretch = 64;
    int64_t i = 0;
    for (; i + kStretch <= count; i += kStretch) {
      uint32_t hit = 0;
      for (int64_t j = 0; j < kStretch; ++j) hit |= static_cast<uint32_t>(static_cast<Total>(x[i + j]) == wanted);
      if (hit != 0) break;
    }
    while (i < count && static_cast<Total>(x[i]) != wanted) ++i;
    return i;
  }

  static void find_columns(const void* from, int64_t rows, int64_t stride, int64_t count, const void* totals,
                           uint32_t* __restrict index) {
    const auto* x = static_cast<const T*>(from);
    const auto* wanted = static_cast<const Total*>(totals);
    for (int64_t i = rows; i-- > 0;) {
      const T* row = x + i * stride;
      const auto number = static_cast<uint32_t>(i);
      for (int64_t j = 0; j < count; ++j) index[j] = static_cast<Total>(row[j]) == wanted[j] ? number : index[j];
    }
  }
};

template <typename Loops>
FoldKernel loops(uint32_t neutral_bits) {
  return {Loops::row, Loops::columns, Loops::find, Loops::find_columns, neutral_bits};
}

template <typename Element, FoldOp op>
FoldKernel of_floats() {
  return loops<Floats<Element, op>>(__builtin_bit_cast(uint32_t, neutral_float<op>()));
}
template <typename T, FoldOp op>
FoldKernel of_integers() {
  using Loops = Integers<T, op>;
  return loops<Loops>(static_cast<uint32_t>(neutral_integer<op, typename Loops::Total>()));
}

template <FoldOp op>
FoldKernel kernel_of(FoldType type) {
  switch (type) {
    case FoldType::boolean:
    case FoldType::u8:
      return of_integers<uint8_t, op>();
    case FoldType::i8:
      return of_integers<int8_t, op>();
    case FoldType::u16:
      return of_integers<uint16_t, op>();
    case FoldType::i16:
      return of_integers<int16_t, op>();
    case FoldType::u32:
      return of_integers<uint32_t, op>();
    case FoldType::i32:
      return of_integers<int32_t, op>();
    case FoldType::f16:
      return of_floats<ElementF16, op>();
    case FoldType::bf16:
      return of_floats<ElementBf16, op>();
    default:
      return of_floats<ElementF32, op>();
  }
}

}  // namespace

FoldKernel fold_kernel(FoldType type, FoldOp op) {
  switch (op) {
    case FoldOp::sum:
      return kernel_of<FoldOp::sum>(type);
    case FoldOp::prod:
      return kernel_of<FoldOp::prod>(type);
    case FoldOp::min:
      return kernel_of<FoldOp::min>(type);
    case FoldOp::max:
      return kernel_of<FoldOp::max>(type);
    case FoldOp::any:
      return kernel_of<FoldOp::any>(type);
    default:
      return kernel_of<FoldOp::all>(type);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
