#pragma once

// Cases that a script of tests/oracle/ made with a reference implementation: tests/fixtures/ops/NAME.json.

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/array/array.h"
#include "mica/base/json.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/text/base64.h"

namespace mica::test {

inline Dtype dtype_named(const std::string& name) {
  for (const Dtype& dtype : {bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64, float16, float32, float64,
                             bfloat16, complex64}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  throw std::runtime_error("no dtype " + name);
}

inline Shape shape_from(const Json& list) {
  const auto lengths = list.get<std::vector<int64_t>>();
  return Shape(lengths.begin(), lengths.end());
}

inline std::vector<array> arrays_from(const Json& list) {
  std::vector<array> out;
  for (const Json& item : list) {
    const auto bytes = text::decode_base64(item[2].get<std::string>());
    if (!bytes) throw std::runtime_error("a case's data are no base64");
    const auto buffer = allocator::malloc(bytes->size());
    std::copy(bytes->begin(), bytes->end(), static_cast<char*>(buffer.raw_ptr()));
    out.emplace_back(buffer, shape_from(item[1]), dtype_named(item[0].get<std::string>()));
  }
  return out;
}

/// How far results may lie from the expected ones: |got − expected| ≤ absolute + relative · |expected|.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

/// The elements in C order as doubles; complex numbers as pairs.
inline std::vector<double> elements(const array& a) {
  array source = a.dtype() == complex64 ? stack({real(a), imag(a)}, -1) : a;
  array wide = contiguous(astype(source, float64));
  wide.eval();
  return std::vector<double>(wide.data<double>(), wide.data<double>() + wide.size());
}

inline void expect_close(const array& got, const array& expected, const Tolerance& tolerance) {
  ASSERT_EQ(to_string(got.shape()), to_string(expected.shape()));
  ASSERT_EQ(dtype_name(got.dtype()), dtype_name(expected.dtype()));
  if (got.dtype() == int64 || got.dtype() == uint64) {
    EXPECT_TRUE(all(equal(got, expected)).item<bool>());
  }
  const std::vector<double> x = elements(got);
  const std::vector<double> y = elements(expected);
  int wrong = 0;
  for (size_t i = 0; i < y.size() && wrong < 5; ++i) {
    const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])) ||
                      std::abs(x[i] - y[i]) <= tolerance.absolute + tolerance.relative * std::abs(y[i]);
    if (same) continue;
    ++wrong;
    ADD_FAILURE() << fmt::format("element {}: {} instead of {}", i, x[i], y[i]);
  }
}

using Op = std::function<std::vector<array>(const std::vector<array>& inputs, const Json& args)>;

/// Runs all cases of a file. `tolerance` says how far an op's results may lie apart.
inline void run_cases(const std::string& file, const std::map<std::string, Op>& ops,
                      const std::function<Tolerance(const std::string& op, Dtype dtype)>& tolerance) {
  const Json cases = load_json(fmt::format("{}/ops/{}.json", MICA_TEST_FIXTURES, file));
  ASSERT_FALSE(cases.empty());
  int number = 0;
  for (const Json& one : cases) {
    const auto op = one["op"].get<std::string>();
    SCOPED_TRACE(fmt::format("{} case {}: {} {}", file, number++, op, one["args"].dump()));
    ASSERT_TRUE(ops.contains(op));
    try {
      const std::vector<array> results = ops.at(op)(arrays_from(one["inputs"]), one["args"]);
      const std::vector<array> expected = arrays_from(one["outputs"]);
      ASSERT_EQ(results.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        expect_close(results[i], expected[i], tolerance(op, expected[i].dtype()));
      }
    } catch (const std::exception& error) {
      ADD_FAILURE() << "threw: " << error.what();
    }
  }
}

}  // namespace mica::test
