#pragma once

#include <gtest/gtest.h>

#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"

namespace mica::distributed {

inline void expect_equal(const array& a, const array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_TRUE(array_equal(a, b).item<bool>()) << a << b;
}

}  // namespace mica::distributed
