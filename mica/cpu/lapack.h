#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapacke.h>

#include "mica/array/array.h"
#include "mica/base/error.h"
#include "mica/base/thread_pool.h"

namespace mica::cpu {

// LAPACK is loaded when it is first needed: OpenBLAS starts threads as soon as it is there, which spin for a tenth of
// a second, half of what a small model takes to its first token.

/// Loads LAPACK. Throws std::runtime_error when there is none.
void open_lapack();

/// A function of it by its name. Throws std::runtime_error when there is none.
void* find_lapack_function(const char* name);

/// Calls a function of lapacke.h.
#define MICA_LAPACK(function)                                                                           \
  ([] {                                                                                                 \
    static const auto found = reinterpret_cast<decltype(&(function))>(find_lapack_function(#function)); \
    return found;                                                                                       \
  }())

/// Throws when LAPACK reports an error: below 0 an argument (a NaN, here), above 0 what `reason` says.
inline void check_lapack(lapack_int info, std::string_view op, std::string_view reason) {
  if (info < 0) fail_as<std::runtime_error>("[{}] the matrix holds NaN or infinity", op);
  if (info > 0) fail_as<std::runtime_error>("[{}] {}", op, reason);
}

/// Runs body(i) for the `count` matrices of a batch, whose sides are about `side`.
template <typename Body>
void for_matrices(int64_t count, int64_t side, Body body) {
  open_lapack();
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(side * side * side, 1));
  ThreadPool::global().parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

/// Matrices of a batch: the product of all axes but the last two.
inline int64_t matrix_count(const array& a) {
  int64_t count = 1;
  for (size_t i = 0; i + 2 < a.ndim(); ++i) count *= a.shape()[i];
  return count;
}

/// A length as LAPACK takes it.
inline lapack_int lapack_length(int64_t length) {
  if (length > INT32_MAX) fail_as<std::invalid_argument>("a side of {} is too long for LAPACK", length);
  return static_cast<lapack_int>(length);
}

}  // namespace mica::cpu
