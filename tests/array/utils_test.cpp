// Limits of dtypes, printing, streams for threads; expected values are MLX 0.32.4's (mx.finfo, mx.iinfo, print).
#include "mica/array/utils.h"

#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/array/memory.h"
#include "mica/array/stream.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

std::string text(const array& a) {
  std::ostringstream out;
  out << a;
  return out.str();
}

TEST(Utils, Limits) {
  EXPECT_EQ(finfo(float16).max, 65504.0);
  EXPECT_EQ(finfo(float16).eps, 0.0009765625);
  EXPECT_EQ(finfo(float16).smallest_normal, 6.103515625e-05);
  EXPECT_EQ(finfo(bfloat16).max, 3.3895313892515355e+38);
  EXPECT_EQ(finfo(bfloat16).eps, 0.0078125);
  EXPECT_EQ(finfo(float32).min, -3.4028234663852886e+38);
  EXPECT_EQ(finfo(float64).max, 1.7976931348623157e+308);
  EXPECT_EQ(finfo(float64).smallest_normal, 2.2250738585072014e-308);
  EXPECT_EQ(finfo(complex64).dtype, float32);
  EXPECT_EQ(finfo(complex64).bits, 32);
  EXPECT_THROW(finfo{int32}, std::invalid_argument);
  EXPECT_EQ(iinfo(uint8).max, 255u);
  EXPECT_EQ(iinfo(int64).min, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(iinfo(uint64).max, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(iinfo(int8).min, -128);
  EXPECT_THROW(iinfo{bool_}, std::invalid_argument);
}

TEST(Utils, SmallHelpers) {
  EXPECT_EQ(result_type(array(1), array(true), array(1.0f)), float32);
  EXPECT_EQ(normalize_axis_index(-1, 3), 2);
  EXPECT_THROW(normalize_axis_index(3, 3), std::invalid_argument);
  EXPECT_EQ(safe_cast(size_t{7}), 7);
  EXPECT_THROW(safe_cast(~uint64_t{0}, "test"), std::overflow_error);
  EXPECT_TRUE(is_power_of_2(64));
  EXPECT_FALSE(is_power_of_2(0));
  EXPECT_EQ(next_power_of_2(5), 8);
}

TEST(Utils, PrintOptions) {
  const array a({1.23456789f, 1e-7f, 12345.678f, 1e10f});
  EXPECT_EQ(text(a), "array([1.23457, 1e-07, 12345.7, 1e+10], dtype=float32)");
  EXPECT_EQ(text(array({true, false}, bool_)), "array([True, False], dtype=bool)");
  set_printoptions({.precision = 3});
  EXPECT_EQ(text(a), "array([1.235, 0.000, 12345.678, 10000000000.000], dtype=float32)");
  EXPECT_EQ(text(array(complex64_t(1.23456f, -2.25f))), "array(1.235-2.250j, dtype=complex64)");
  set_printoptions({});
  EXPECT_EQ(text(array(complex64_t(1.5f, 2.25f))), "array(1.5+2.25j, dtype=complex64)");
}

TEST(Streams, OneForEveryThread) {
  const ThreadLocalStream local = new_thread_local_stream(Device::cpu);
  const Stream here = stream_from_thread_local_stream(local);
  EXPECT_EQ(to_stream(local), here);
  Stream there = here;
  std::thread([&] {
    there = stream_from_thread_local_stream(local);
    const array a = add(array(1.0f), array(2.0f), local);
    EXPECT_EQ(a.item<float>(), 3.0f);
    synchronize(local);
  }).join();
  EXPECT_NE(there, here);
  EXPECT_THROW(StreamContext{StreamOrDevice{}}, std::runtime_error);
}

TEST(Streams, WorkGoesOnAfterTheyWereCleared) {
  const Stream stream = new_stream(Device::cpu);
  for (int round = 0; round < 20; ++round) {
    array a = add(full({100}, array(1.0f)), array(static_cast<float>(round)), stream);
    async_eval(a);
    clear_streams();
    EXPECT_TRUE(a.is_available());
    EXPECT_EQ(a.data<float>()[99], static_cast<float>(round + 1));
  }
}

TEST(Memory, BuffersAreCountedOnce) {
  array a = zeros({1000});
  array view = reshape(a, {10, 100});
  eval(a, view);
  const size_t one = get_array_buffer_size({a});
  EXPECT_GE(one, 4000u);
  EXPECT_EQ(get_array_buffer_size({a, view, a}), one);
  EXPECT_EQ(set_wired_limit(5), 0u);
  EXPECT_EQ(set_wired_limit(0), 5u);
}

}  // namespace
}  // namespace mica
