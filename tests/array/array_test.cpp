#include "mica/array/array.h"

#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "mica/array/backend.h"
#include "mica/array/evaluate.h"
#include "mica/array/memory.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

TEST(Array, ConstructorsHaveMlxTypes) {
  EXPECT_EQ(array(1).dtype(), int32);
  EXPECT_EQ(array(1.0).dtype(), float32);
  EXPECT_EQ(array(true).dtype(), bool_);
  EXPECT_EQ(array({}).dtype(), float32);
  EXPECT_EQ(array({1, 2, 3}).dtype(), int32);
  EXPECT_EQ(array({1.0, 2.0}, Shape{2}).dtype(), float32);
  EXPECT_THROW(array({1, 2, 3}, Shape{2, 2}), std::invalid_argument);
  EXPECT_EQ(array({1, 2, 3}, Shape{3, 1}).shape(-1), 1);
  EXPECT_THROW(array(1).shape(0), std::out_of_range);
}

// Found by fuzzing: products of lengths beside an axis of 0 used to overflow. NumPy refuses such shapes, too.
TEST(Array, HugeAxesAreRefusedBesideAnEmptyOne) {
  const ShapeElem huge = ShapeElem{1} << 40;
  for (const Shape& shape : {Shape{0, huge, huge}, Shape{huge, 0, huge}, Shape{huge, huge, 0}, Shape{huge, huge}}) {
    EXPECT_THROW(array(shape, float32, nullptr, {}), std::overflow_error);
  }
  array a = zeros({3, 0, huge});
  a.eval();
  EXPECT_EQ(a.size(), 0u);
  EXPECT_TRUE(a.flags().row_contiguous);
}

TEST(Array, NothingIsComputedBeforeItIsNeeded) {
  const array a = add(array({1, 2, 3}), array(1));
  EXPECT_FALSE(a.is_available());
  EXPECT_TRUE(a.has_primitive());
  eval(a);
  EXPECT_TRUE(a.is_available());
  EXPECT_FALSE(a.has_primitive());
  EXPECT_EQ(sum(a).item<int>(), 9);
}

TEST(Array, PromotionFollowsMlx) {
  EXPECT_EQ(promote_types(bool_, int8), int8);
  EXPECT_EQ(promote_types(uint8, int8), int16);
  EXPECT_EQ(promote_types(uint32, int32), int64);
  EXPECT_EQ(promote_types(uint64, int8), float32);
  EXPECT_EQ(promote_types(float16, bfloat16), float32);
  EXPECT_EQ(promote_types(int64, float16), float16);
  EXPECT_EQ(promote_types(float64, float16), float64);
  EXPECT_EQ(promote_types(float64, complex64), complex64);
}

TEST(Array, ALongChainIsFreedWithoutRecursion) {
  array a = zeros({1});
  for (int i = 0; i < 200000; ++i) a = add(a, array(1.0f));
  a = zeros({1});
  EXPECT_EQ(a.item<float>(), 0.0f);
}

TEST(Array, ALongChainIsComputed) {
  array a = zeros({1});
  for (int i = 0; i < 50000; ++i) a = add(a, array(1.0f));
  EXPECT_EQ(a.item<float>(), 50000.0f);
}

TEST(Array, UpdatesInPlaceOnlyWhatNobodyElseHolds) {
  array a = zeros({1000, 10});
  a.eval();
  const void* memory = a.data<float>();
  a = slice_update(a, ones({1, 10}), {3, 0}, {4, 10});
  a.eval();
  EXPECT_EQ(a.data<float>(), memory);
  const array kept = a;
  a = slice_update(a, ones({1, 10}), {5, 0}, {6, 10});
  a.eval();
  EXPECT_NE(a.data<float>(), memory);
  EXPECT_EQ(sum(kept).item<float>(), 10.0f);
  EXPECT_EQ(sum(a).item<float>(), 20.0f);
}

TEST(Array, AViewKeepsItsMemoryFromBeingOverwritten) {
  array a = ones({64, 64});
  a.eval();
  array view = slice(a, {0, 0}, {1, 64});
  view.eval();
  a = exp(a);
  a.eval();
  EXPECT_EQ(sum(view).item<float>(), 64.0f);
}

TEST(Array, ErrorsSurfaceWhereTheResultIsRead) {
  const array bad = take(zeros({3}), array({7}), 0);
  EXPECT_THROW(eval(bad), std::out_of_range);
  const array later = take(zeros({3}), array({-4}), 0);
  EXPECT_NO_THROW(async_eval(later));
  EXPECT_THROW(later.item<float>(), std::out_of_range);
  EXPECT_EQ(array(2).item<int>(), 2);
}

TEST(Array, ShapeErrorsNameTheOp) {
  try {
    matmul(zeros({2, 3}), zeros({4, 5}));
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("[matmul]"), std::string::npos);
  }
  EXPECT_THROW(add(zeros({2, 3}), zeros({4})), std::invalid_argument);
  EXPECT_THROW(reshape(zeros({2, 3}), {4, 2}), std::invalid_argument);
  EXPECT_THROW(transpose(zeros({2, 3}), {0, 0}), std::invalid_argument);
  EXPECT_THROW(max(zeros({0})), std::invalid_argument);
}

TEST(Array, EmptyArraysPassThrough) {
  EXPECT_EQ(sum(zeros({0, 3})).item<float>(), 0.0f);
  EXPECT_EQ(matmul(zeros({2, 0}), zeros({0, 3})).shape(), (Shape{2, 3}));
  EXPECT_EQ(sum(matmul(zeros({2, 0}), zeros({0, 3}))).item<float>(), 0.0f);
  EXPECT_EQ(concatenate({zeros({0, 3}), ones({2, 3})}, 0).shape(0), 2);
}

TEST(Array, PrintsAsMlxDoes) {
  std::ostringstream out;
  out << array({1, 2, 3});
  EXPECT_EQ(out.str(), "array([1, 2, 3], dtype=int32)");
}

TEST(Streams, WorkOfSeveralStreamsAndThreads) {
  const Stream other = new_stream(Device::cpu);
  const array a = add(ones({1000}), array(1.0f), other);
  const array b = multiply(a, array(2.0f));
  const array c = add(b, a, other);
  EXPECT_EQ(sum(c).item<float>(), 6000.0f);
  std::vector<std::thread> threads;
  threads.reserve(4);
  const array shared = exp(zeros({257}));
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        EXPECT_EQ(sum(add(shared, array(static_cast<float>(i)))).item<float>(), 257.0f * static_cast<float>(i + 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  async_eval(c);
  synchronize(other);
  synchronize();
}

TEST(Memory, StatisticsFollowTheArrays) {
  clear_cache();
  const size_t before = get_active_memory();
  {
    array a = zeros({1 << 20});
    a.eval();
    EXPECT_GE(get_active_memory(), before + (size_t{4} << 20));
    EXPECT_GE(get_peak_memory(), get_active_memory());
  }
  EXPECT_LE(get_active_memory(), before + 4096);
  EXPECT_GE(get_cache_memory(), size_t{4} << 20);
  clear_cache();
  EXPECT_EQ(get_cache_memory(), 0u);
}

/// A kernel that gives itself away: it doubles.
void double_elements(const Unary&, std::span<array> in, std::span<array> out) {
  out[0].set_data(allocator::malloc(out[0].nbytes()));
  for (size_t i = 0; i < out[0].size(); ++i) out[0].data<float>()[i] = 2 * in[0].data<float>()[i];
}

TEST(Backends, AnotherOneCanTakeTheCpusPlace) {
  // A backend that knows one operation: everything else must be reported as missing, by name.
  auto small = std::make_shared<Backend>("test");
  small->add<Unary, double_elements>();
  const auto cpu = set_backend(Device::cpu, small);
  const array doubled = exp(array({3.0f}));
  EXPECT_EQ(doubled.item<float>(), 6.0f);
  const array missing = add(array({1.0f}), array({1.0f}));
  EXPECT_THROW(eval(missing), std::runtime_error);
  set_backend(Device::cpu, cpu);
  EXPECT_NEAR(exp(array({1.0f})).item<float>(), 2.7182818f, 1e-6f);
}

}  // namespace
}  // namespace mica
