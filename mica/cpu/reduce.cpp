#include "mica/ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mica/base/thread_pool.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/strided.h"
#include "mica/ops/shape.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 8192;

/// The array with the reduced axes moved to the end and merged: [rows, count] in C order.
struct Rows {
  array data;
  int64_t count;  ///< elements in a row
  int64_t rows;
};

/// A view of `a` with the kept axes first, brought into C order; already there when the last axes are reduced.
Rows to_rows(const array& a, const std::vector<int>& axes) {
  Shape shape;
  Strides strides;
  Shape reduced_shape;
  Strides reduced_strides;
  for (size_t i = 0; i < a.ndim(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int>(i)) != axes.end();
    (reduced ? reduced_shape : shape).push_back(a.shape()[i]);
    (reduced ? reduced_strides : strides).push_back(a.strides()[i]);
  }
  int64_t count = 1;
  for (const ShapeElem length : reduced_shape) count *= length;
  shape.insert(shape.end(), reduced_shape.begin(), reduced_shape.end());
  strides.insert(strides.end(), reduced_strides.begin(), reduced_strides.end());
  array moved = a;
  if (!a.flags().row_contiguous || strides != a.strides()) {
    array view(shape, a.dtype(), nullptr, {});
    const auto [flags, data_size] = layout_of(shape, strides);
    view.share_buffer(a, strides, flags, data_size);
    moved = row_contiguous(view);
  }
  return {moved, count, count == 0 ? 0 : static_cast<int64_t>(a.size()) / count};
}

template <typename T>
T neutral(ReduceOp op) {
  switch (op) {
    case ReduceOp::all:
    case ReduceOp::prod:
      return T(1);
    case ReduceOp::any:
    case ReduceOp::sum:
      return T(0);
    default:
      break;
  }
  if constexpr (std::is_floating_point_v<T>) {
    return op == ReduceOp::min ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
  } else if constexpr (std::is_same_v<T, complex64_t>) {
    const float edge = std::numeric_limits<float>::infinity();
    return op == ReduceOp::min ? T(edge, edge) : T(-edge, -edge);
  } else {
    return op == ReduceOp::min ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest();
  }
}

template <typename T>
bool comes_before(T a, T b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
  } else {
    return a < b;
  }
}

template <typename T>
T fold(T total, T x, ReduceOp op) {
  switch (op) {
    case ReduceOp::all:
      return static_cast<T>(total != T(0) && x != T(0));
    case ReduceOp::any:
      return static_cast<T>(total != T(0) || x != T(0));
    case ReduceOp::sum:
      return static_cast<T>(total + x);
    case ReduceOp::prod:
      return static_cast<T>(total * x);
    // NaN wins: it differs from itself.
    case ReduceOp::max:
      return x != x || comes_before(total, x) ? x : total;
    default:
      return x != x || comes_before(x, total) ? x : total;
  }
}

/// Accumulator of a sum or product: wide enough that rounding happens once, at the end.
template <typename T>
using Accumulator = std::conditional_t<
    std::is_same_v<T, bool> || (std::is_integral_v<T> && std::is_signed_v<T>), int64_t,
    std::conditional_t<std::is_integral_v<T>, uint64_t,
                       std::conditional_t<std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>, float, T>>>;

template <typename T>
Accumulator<T> fold_row(const T* x, int64_t count, ReduceOp op) {
  using A = Accumulator<T>;
  if constexpr (std::is_same_v<T, float>) {
    if (op == ReduceOp::sum) return row_kernels().sum(x, count);
  }
  if constexpr (std::is_floating_point_v<A>) {
    if (op == ReduceOp::logsumexp) {
      A most = neutral<A>(ReduceOp::max);
      for (int64_t i = 0; i < count; ++i) most = fold<A>(most, x[i], ReduceOp::max);
      if (!std::isfinite(most)) return most;
      if constexpr (std::is_same_v<T, float>) return most + std::log(row_kernels().sum_exp(x, most, count));
      A sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<A>(x[i]) - most);
      return most + std::log(sum);
    }
  }
  A total = neutral<A>(op);
  for (int64_t i = 0; i < count; ++i) total = fold<A>(total, static_cast<A>(x[i]), op);
  return total;
}

/// Sums, products … over the first of two axes [outer, inner] in C order, without moving elements: row by row into
/// accumulators, columns shared out among threads.
template <typename T, typename Store>
void fold_columns(const T* x, int64_t outer, int64_t inner, ReduceOp op, Store store) {
  using A = Accumulator<T>;
  constexpr int64_t kColumns = 256;
  ThreadPool::global().parallel_for(inner, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kColumns) {
      const int64_t n = std::min(kColumns, end - at);
      A total[kColumns];
      std::fill_n(total, n, neutral<A>(op));
      for (int64_t i = 0; i < outer; ++i) {
        const T* row = x + i * inner + at;
        if (op == ReduceOp::sum) {
          for (int64_t j = 0; j < n; ++j) total[j] = static_cast<A>(total[j] + static_cast<A>(row[j]));
        } else {
          for (int64_t j = 0; j < n; ++j) total[j] = fold<A>(total[j], static_cast<A>(row[j]), op);
        }
      }
      for (int64_t j = 0; j < n; ++j) store(at + j, total[j]);
    }
  });
}

/// Whether exactly the leading axes are reduced.
bool reduces_leading(const array& a, const std::vector<int>& axes) {
  if (axes.empty() || axes.size() == a.ndim()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int>(i)) return false;
  }
  return a.flags().row_contiguous;
}

void reduce(const Reduce& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  allocate(out);
  const bool leading = primitive.op != ReduceOp::logsumexp && reduces_leading(x, primitive.axes);
  dispatch(x.dtype(), [&]<typename T>(T) {
    dispatch(out.dtype(), [&]<typename R>(R) {
      // Only the pairs that Reduce::infer makes: bool of anything, or the same kind of number.
      constexpr bool complex_mix = std::is_same_v<T, complex64_t> != std::is_same_v<R, complex64_t>;
      if constexpr (!complex_mix || std::is_same_v<R, bool>) {
        R* to = out.data<R>();
        const auto store = [&](int64_t i, auto total) {
          if constexpr (std::is_same_v<R, bool>) {
            to[i] = total != decltype(total)(0);
          } else {
            to[i] = static_cast<R>(total);
          }
        };
        if (leading) {
          const auto inner = static_cast<int64_t>(out.size());
          const int64_t outer = inner == 0 ? 0 : static_cast<int64_t>(x.size()) / inner;
          return fold_columns(x.data<T>(), outer, inner, primitive.op, store);
        }
        const Rows rows = to_rows(x, primitive.axes);
        const T* from = rows.data.template data<T>();
        ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()),
                                          std::max<int64_t>(1, kGrain / std::max<int64_t>(rows.count, 1)),
                                          [&](int64_t begin, int64_t end) {
                                            for (int64_t i = begin; i < end; ++i) {
                                              store(i, fold_row(from + i * rows.count, rows.count, primitive.op));
                                            }
                                          });
      }
    });
  });
}

template <typename T>
int64_t arg_row(const T* x, int64_t count, bool largest) {
  if constexpr (std::is_same_v<T, float>) {
    if (largest) return row_kernels().argmax(x, count);
  }
  using A = Accumulator<T>;
  int64_t best = 0;
  for (int64_t i = 0; i < count; ++i) {
    const A candidate = static_cast<A>(x[i]);
    const A leader = static_cast<A>(x[best]);
    if (candidate != candidate) return i;
    if (largest ? comes_before(leader, candidate) : comes_before(candidate, leader)) best = i;
  }
  return best;
}

void arg_reduce(const ArgReduce& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  const Rows rows = to_rows(inputs[0], {primitive.axis});
  dispatch(inputs[0].dtype(), [&]<typename T>(T) {
    const T* from = rows.data.template data<T>();
    for (int64_t i = 0; i < rows.rows; ++i) {
      out.data<uint32_t>()[i] = static_cast<uint32_t>(arg_row(from + i * rows.count, rows.count, primitive.max));
    }
  });
}

void softmax_row(const double* x, double* out, int64_t count) {
  double most = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i) most = std::max(most, x[i]);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += out[i] = std::exp(x[i] - most);
  for (int64_t i = 0; i < count; ++i) out[i] /= total;
}

void softmax(const Softmax&, std::span<array> inputs, std::span<array> outputs) {
  inputs[0] = row_contiguous(inputs[0]);
  array& x = inputs[0];
  array& out = outputs[0];
  donate_or_allocate(x, out);
  if (out.size() == 0) return;
  const int64_t count = x.shape(-1);
  const auto bytes = static_cast<int64_t>(x.itemsize());
  ThreadPool::global().parallel_for(
      static_cast<int64_t>(x.size()) / count, std::max<int64_t>(1, kGrain / count), [&](int64_t begin, int64_t end) {
        std::vector<float> row(x.dtype() == float16 || x.dtype() == bfloat16 ? static_cast<size_t>(count) : 0);
        for (int64_t i = begin; i < end; ++i) {
          const std::byte* from = x.data<std::byte>() + i * count * bytes;
          std::byte* to = out.data<std::byte>() + i * count * bytes;
          if (x.dtype() == float64) {
            softmax_row(reinterpret_cast<const double*>(from), reinterpret_cast<double*>(to), count);
          } else if (row.empty()) {
            row_kernels().softmax(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to), count);
          } else {
            const auto& convert = elementwise_kernels();
            const bool half = x.dtype() == float16;
            (half ? convert.load_f16 : convert.load_bf16)(reinterpret_cast<const uint16_t*>(from), row.data(), count);
            row_kernels().softmax(row.data(), row.data(), count);
            (half ? convert.store_f16 : convert.store_bf16)(row.data(), reinterpret_cast<uint16_t*>(to), count);
          }
        }
      });
}

}  // namespace

void register_reduce(Backend& backend) {
  backend.add<Reduce, reduce>();
  backend.add<ArgReduce, arg_reduce>();
  backend.add<Softmax, softmax>();
}

}  // namespace mica::cpu
