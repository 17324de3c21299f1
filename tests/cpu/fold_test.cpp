// Reductions of every instruction set against loops in double precision or 64-bit integers.
#include "mica/cpu/fold.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/half.h"

namespace mica::cpu {
namespace {

std::vector<Isa> levels() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512}) {
    if (isa <= detected_isa()) out.push_back(isa);
  }
  return out;
}

constexpr FoldOp kOps[] = {FoldOp::sum, FoldOp::prod, FoldOp::min, FoldOp::max, FoldOp::any, FoldOp::all};

size_t width_of(FoldType type) {
  return type <= FoldType::i8 ? 1 : type == FoldType::u32 || type == FoldType::i32 || type == FoldType::f32 ? 4 : 2;
}

/// Stored elements and their values.
struct Elements {
  FoldType type;
  std::vector<double> values;
  std::vector<std::byte> bytes;

  Elements(FoldType element_type, std::vector<double> wanted) : type(element_type), values(std::move(wanted)) {
    bytes.resize(values.size() * width_of(type));
    for (size_t i = 0; i < values.size(); ++i) store(i);
  }

  template <typename T>
  void put(size_t i, T value) {
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }

  void store(size_t i) {
    const double value = values[i];
    const auto single = static_cast<float>(value);
    const auto whole = static_cast<int64_t>(type < FoldType::f16 ? value : 0);
    if (type < FoldType::f16) values[i] = static_cast<double>(whole);
    switch (type) {
      case FoldType::f32:
        values[i] = static_cast<double>(single);
        return put(i, single);
      case FoldType::f16:
        values[i] = static_cast<double>(half_to_float(float_to_half(single)));
        return put(i, float_to_half(single));
      case FoldType::bf16:
        values[i] = static_cast<double>(bfloat_to_float(float_to_bfloat(single)));
        return put(i, float_to_bfloat(single));
      case FoldType::u32:
      case FoldType::i32:
        return put(i, static_cast<uint32_t>(whole));
      case FoldType::u16:
      case FoldType::i16:
        return put(i, static_cast<uint16_t>(whole));
      default:
        return put(i, static_cast<uint8_t>(whole));
    }
  }
};

Elements random_elements(FoldType type, FoldOp op, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  const bool is_signed =
      type >= FoldType::f16 || type == FoldType::i8 || type == FoldType::i16 || type == FoldType::i32;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    value = type >= FoldType::f16 ? normal(random) : std::floor(std::fabs(normal(random)) * 20);
    if (type == FoldType::boolean) value = random() % 2;
    if (is_signed && random() % 2) value = -value;
    // Products stay in the range; of any and all both results occur.
    if (op == FoldOp::prod && type >= FoldType::f16) value = value < 0 ? -1.0 : 1.0 + (random() % 8 == 0 ? 0.0625 : 0);
    if (op == FoldOp::any) value = random() % 64 == 0 ? value : 0;
    if (op == FoldOp::all && value == 0) value = random() % 64 == 0 ? 0 : 1;
  }
  return {type, values};
}

double fold_one(FoldOp op, double total, double x) {
  switch (op) {
    case FoldOp::sum:
      return total + x;
    case FoldOp::prod:
      return total * x;
    case FoldOp::min:
      return std::isnan(total) || x >= total ? total : x;
    case FoldOp::max:
      return std::isnan(total) || x <= total ? total : x;
    case FoldOp::any:
      return total != 0 || x != 0;
    default:
      return total != 0 && x != 0;
  }
}

double start(FoldOp op) {
  const double infinity = std::numeric_limits<double>::infinity();
  return op == FoldOp::min ? infinity : op == FoldOp::max ? -infinity : op == FoldOp::prod || op == FoldOp::all ? 1 : 0;
}

void check(FoldType type, FoldOp op, const FoldLayout& layout, const Elements& x, ThreadPool& pool) {
  const FoldType total_type = type >= FoldType::f16 ? FoldType::f32 : FoldType::i32;
  const int64_t results = layout.outer * layout.inner;
  for (const Isa isa : levels()) {
    SCOPED_TRACE(testing::Message() << isa_name(isa) << " type " << static_cast<int>(type) << " op "
                                    << static_cast<int>(op) << " of " << layout.outer << "," << layout.reduced << ","
                                    << layout.inner);
    std::vector<uint32_t> totals(static_cast<size_t>(results), 0xabcdefu);
    fold(choose_fold_kernel(type, op, isa), choose_fold_kernel(total_type, op, isa), x.bytes.data(),
         static_cast<int64_t>(width_of(type)), layout, pool,
         [&](int64_t first, const uint32_t* from, int64_t count) { std::copy_n(from, count, totals.data() + first); });
    std::vector<uint32_t> places(totals.size(), 0xabcdefu);
    const bool keeps = op == FoldOp::min || op == FoldOp::max;
    if (keeps) {
      fold_places(choose_fold_kernel(type, op, isa), x.bytes.data(), static_cast<int64_t>(width_of(type)), layout, pool,
                  places.data());
    }
    for (int64_t i = 0; i < results; ++i) {
      double wanted = start(op);
      double size = 0;
      uint32_t wrapped = op == FoldOp::prod;
      int64_t place = -1;
      for (int64_t j = 0; j < layout.reduced; ++j) {
        const double value =
            x.values[static_cast<size_t>((i / layout.inner * layout.reduced + j) * layout.inner + i % layout.inner)];
        const double next = fold_one(op, wanted, value);
        if (place < 0 || (next != wanted && !std::isnan(wanted))) place = j;
        wanted = next;
        size += std::fabs(value);
        const auto whole = static_cast<uint32_t>(static_cast<int64_t>(type < FoldType::f16 ? value : 0));
        wrapped = op == FoldOp::prod ? wrapped * whole : wrapped + whole;
      }
      const uint32_t bits = totals[static_cast<size_t>(i)];
      if (type < FoldType::f16) {
        const bool wraps = op == FoldOp::sum || op == FoldOp::prod;
        ASSERT_EQ(bits, wraps ? wrapped : static_cast<uint32_t>(static_cast<int64_t>(wanted))) << "result " << i;
      } else {
        const auto got = static_cast<double>(std::bit_cast<float>(bits));
        // Sums and products are rounded at every step; the others exact.
        const double bound = op == FoldOp::sum    ? size * 0x1p-24 * static_cast<double>(layout.reduced)
                             : op == FoldOp::prod ? std::fabs(wanted) * 0x1p-24 * static_cast<double>(layout.reduced)
                                                  : 0.0;
        if (std::isnan(wanted)) {
          ASSERT_TRUE(std::isnan(got)) << "result " << i;
        } else {
          ASSERT_TRUE(got == wanted || std::fabs(got - wanted) <= bound)
              << "result " << i << ": " << got << " for " << wanted;
        }
      }
      if (keeps && layout.reduced > 0) {
        ASSERT_EQ(places[static_cast<size_t>(i)], place) << "result " << i;
      }
    }
  }
}

TEST(Fold, EveryTypeAndOperationOverOddSizes) {
  ThreadPool pool(2);
  for (int type = 0; type <= static_cast<int>(FoldType::f32); ++type) {
    for (const FoldOp op : kOps) {
      for (const FoldLayout layout :
           {FoldLayout{1, 1, 1}, {3, 7, 1}, {5, 131, 1}, {1, 9, 3}, {2, 5, 67}, {1, 6, 2051}, {2500, 5, 1}}) {
        const int64_t count = layout.outer * layout.reduced * layout.inner;
        check(FoldType(type), op, layout, random_elements(FoldType(type), op, count, 3), pool);
      }
    }
  }
}

TEST(Fold, LongAxesAreCutIntoSlices) {
  ThreadPool pool(2);
  for (const FoldType type : {FoldType::f32, FoldType::i32, FoldType::bf16}) {
    for (const FoldOp op : {FoldOp::sum, FoldOp::max}) {
      for (const FoldLayout layout : {FoldLayout{1, 300001, 1}, {2, 140003, 1}, {1, 70001, 3}, {1, 301, 1100}}) {
        const int64_t count = layout.outer * layout.reduced * layout.inner;
        check(type, op, layout, random_elements(type, op, count, 5), pool);
      }
    }
  }
}

TEST(Fold, SpecialValues) {
  ThreadPool pool(1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const FoldType type : {FoldType::f32, FoldType::f16, FoldType::bf16}) {
    for (const double special : {nan, infinity, -infinity, -0.0, 0x1p-24}) {
      for (const size_t at : {size_t{0}, size_t{5}, size_t{16}, size_t{40}, size_t{76}}) {
        std::vector<double> values(77, -3.0);
        values[at] = special;
        values[70] = special;
        for (const FoldOp op : {FoldOp::min, FoldOp::max, FoldOp::any, FoldOp::all}) {
          check(type, op, {1, 77, 1}, Elements(type, values), pool);
          check(type, op, {1, 7, 11}, Elements(type, values), pool);
          check(type, op, {7, 11, 1}, Elements(type, values), pool);
        }
      }
    }
  }
}

TEST(Fold, EmptyAxesGiveTheNeutralElement) {
  ThreadPool pool(1);
  for (const FoldOp op : kOps) check(FoldType::f32, op, {3, 0, 1}, Elements(FoldType::f32, {}), pool);
}

}  // namespace
}  // namespace mica::cpu
