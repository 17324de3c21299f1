#pragma once

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mica/base/error.h"

namespace mica {

/// Runs `action`, which must throw an Error of one line; returns the line ("" after a test failure).
template <typename F>
std::string error_of(const F& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_LT(text.size(), 1000u) << text;
    return text;
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace mica
