#pragma once

// What the scripts nn_oracle.py and optim_oracle.py make: inputs by formula, and digests of results.

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/array/array.h"
#include "mica/base/json.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica::test {

inline Json fixture(const std::string& name) {
  std::ifstream file(std::string(MICA_TEST_FIXTURES) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  return Json::parse(file);
}

inline Shape shape_of(const Json& lengths) {
  Shape shape;
  for (const Json& length : lengths) shape.push_back(length.get<int64_t>());
  return shape;
}

inline int64_t elements_of(const Shape& shape) {
  int64_t count = 1;
  for (const ShapeElem length : shape) count *= length;
  return count;
}

/// Values in [−scale, scale) that follow from place and salt.
inline array filled(const Shape& shape, int64_t salt, double scale = 1.0) {
  std::vector<float> values;
  for (int64_t i = 0; i < elements_of(shape); ++i) {
    const int64_t step = (i * 7919 + salt * 104729) % 2003;
    values.push_back(static_cast<float>((static_cast<double>(step) / 1001.5 - 1.0) * scale));
  }
  return array(values.begin(), shape);
}

inline array integers(const Shape& shape, int64_t salt, int64_t below) {
  std::vector<int> values;
  values.reserve(static_cast<size_t>(elements_of(shape)));
  for (int64_t i = 0; i < elements_of(shape); ++i) {
    values.push_back(static_cast<int>((i * 7919 + salt * 104729) % below));
  }
  return array(values.begin(), shape);
}

inline double pattern_at(size_t i) {
  return static_cast<double>((i * 31) % 17) / 8.0 - 1.0;
}

/// The weights of the mean that gradients are taken of.
inline array pattern(const Shape& shape) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(elements_of(shape)));
  for (int64_t i = 0; i < elements_of(shape); ++i) {
    values.push_back(static_cast<float>(pattern_at(static_cast<size_t>(i))));
  }
  return array(values.begin(), shape);
}

inline int64_t salt_of(const std::string& path) {
  int64_t sum = 0;
  for (const char c : path) sum += c;
  return sum;
}

/// Compares shape, some values and a weighted mean; `tolerance` is relative to the mean size of the values.
inline void expect_digest(const array& actual, const Json& wanted, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.shape(), shape_of(wanted["shape"])) << what;
  array flat = contiguous(astype(flatten(actual), float32));
  flat.eval();
  const std::span<const float> values(flat.data<float>(), flat.size());
  const double margin = tolerance * std::max(wanted["scale"].get<double>(), 1e-3);
  double mean = 0;
  for (size_t i = 0; i < values.size(); ++i) mean += values[i] * pattern_at(i);
  if (!values.empty()) mean /= static_cast<double>(values.size());
  EXPECT_NEAR(mean, wanted["mean"].get<double>(), margin) << what;
  size_t previous = values.size();
  size_t next = 0;
  for (size_t k = 0; k < 8; ++k) {
    const size_t place = k * values.size() / 8;
    if (place == previous) continue;
    previous = place;
    const double expected = wanted["values"].at(next++).get<double>();
    EXPECT_NEAR(values[place], expected, margin + tolerance * std::abs(expected)) << what << " at " << place;
  }
}

}  // namespace mica::test
