#include "mica/ops/sort.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/ordering.h"
#include "mica/cpu/radix_sort.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Calls row(source, target, count) for every row along the last axis; Out is the output's element type. A stretch of
/// rows has a copy of `row` of its own, which may keep memory from row to row.
template <typename T, typename Out, typename Row>
void for_rows(const array& source, array& out, Row row) {
  const array x = row_contiguous(source);
  const int64_t count = x.shape(-1);
  if (x.size() == 0) return;
  const T* from = x.data<T>();
  Out* to = out.data<Out>();
  ThreadPool::global().parallel_for(static_cast<int64_t>(x.size()) / count, std::max<int64_t>(1, 2048 / count),
                                    [&](int64_t begin, int64_t end) {
                                      Row own = row;
                                      for (int64_t i = begin; i < end; ++i)
                                        own(from + i * count, to + i * count, count);
                                    });
}

template <typename Order>
void ordered(const array& x, array& out, bool indices, Order order) {
  allocate(out);
  dispatch(x.dtype(), [&]<typename T>(T) {
    if (indices) {
      for_rows<T, uint32_t>(x, out, [&](const T* from, uint32_t* to, int64_t count) {
        std::iota(to, to + count, 0u);
        order(to, to + count, [from](uint32_t a, uint32_t b) { return before(from[a], from[b]); });
      });
    } else {
      for_rows<T, T>(x, out, [&](const T* from, T* to, int64_t count) {
        std::copy_n(from, count, to);
        order(to, to + count, before<T>);
      });
    }
  });
}

/// Sorts the keys of rows: many times as fast as comparisons, which wait for mispredicted branches.
template <typename T>
class KeySorter {
 public:
  /// Numbers of the elements in ascending order.
  void order(const T* from, uint32_t* to, int64_t count) {
    make_keys(from, count, true);
    std::iota(to, to + count, 0u);
    sorter_.run(keys_.data(), to, count);
  }
  void sort(const T* from, T* to, int64_t count) {
    make_keys(from, count, false);
    sorter_.run(keys_.data(), nullptr, count);
    for (int64_t i = 0; i < count; ++i) to[i] = radix_value<T>(keys_[static_cast<size_t>(i)]);
  }

 private:
  void make_keys(const T* from, int64_t count, bool merged) {
    keys_.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) keys_[static_cast<size_t>(i)] = radix_key(from[i], merged);
  }

  RadixSorter<RadixKey<T>> sorter_;
  std::vector<RadixKey<T>> keys_;
};

template <typename T>
void ordered_by_keys(const array& x, array& out, bool indices) {
  KeySorter<T> sorter;
  if (indices) {
    for_rows<T, uint32_t>(
        x, out, [sorter](const T* from, uint32_t* to, int64_t count) mutable { sorter.order(from, to, count); });
  } else {
    for_rows<T, T>(x, out, [sorter](const T* from, T* to, int64_t count) mutable { sorter.sort(from, to, count); });
  }
}

/// Whether the dtype has keys; then it is done.
bool order_by_keys(const array& x, array& out, bool indices) {
  // Places are counted in 32 bits.
  if (x.shape(-1) > std::numeric_limits<int32_t>::max()) return false;
  bool done = false;
  dispatch(x.dtype(), [&]<typename T>(T) {
    if constexpr (has_radix_key<T>) {
      allocate(out);
      ordered_by_keys<T>(x, out, indices);
      done = true;
    }
  });
  return done;
}

void sort(const Sort& primitive, std::span<array> inputs, std::span<array> outputs) {
  if (order_by_keys(inputs[0], outputs[0], primitive.indices)) return;
  ordered(inputs[0], outputs[0], primitive.indices,
          [](auto first, auto last, auto less) { std::stable_sort(first, last, less); });
}

void partition(const Partition& primitive, std::span<array> inputs, std::span<array> outputs) {
  // A sorted row is partitioned at every place.
  if (order_by_keys(inputs[0], outputs[0], primitive.indices)) return;
  ordered(inputs[0], outputs[0], primitive.indices,
          [&](auto first, auto last, auto less) { std::nth_element(first, first + primitive.kth, last, less); });
}

template <typename A>
A scan_step(A total, A x, ScanOp op) {
  switch (op) {
    case ScanOp::sum:
      return static_cast<A>(total + x);
    case ScanOp::prod:
      if constexpr (std::is_same_v<A, bool>) {
        return total && x;
      } else {
        return static_cast<A>(total * x);
      }
    case ScanOp::max:
      return total != total || before(x, total) ? total : x;
    case ScanOp::min:
      return total != total || before(total, x) ? total : x;
    case ScanOp::logaddexp:
      break;
  }
  if constexpr (std::is_floating_point_v<A>) {
    const A high = std::max(total, x);
    return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(total, x) - high));
  } else {
    return total;
  }
}

template <typename A>
A scan_start(ScanOp op) {
  if constexpr (std::is_same_v<A, complex64_t>) {
    return op == ScanOp::prod ? A(1) : A(0);
  } else {
    constexpr bool real = std::is_floating_point_v<A>;
    const A low = real ? -std::numeric_limits<A>::infinity() : std::numeric_limits<A>::lowest();
    const A high = real ? std::numeric_limits<A>::infinity() : std::numeric_limits<A>::max();
    switch (op) {
      case ScanOp::sum:
        return A(0);
      case ScanOp::prod:
        return A(1);
      case ScanOp::min:
        return high;
      default:
        return low;
    }
  }
}

void scan(const Scan& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  dispatch(inputs[0].dtype(), [&]<typename T>(T) {
    // Halves are accumulated in float32 and rounded at every place only.
    constexpr bool half = std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>;
    using A = std::conditional_t<half, float, T>;
    for_rows<T, T>(inputs[0], out, [&](const T* from, T* to, int64_t count) {
      A total = scan_start<A>(primitive.op);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = primitive.reverse ? count - 1 - i : i;
        const A before_this = total;
        total = i == 0 ? static_cast<A>(from[at]) : scan_step<A>(total, static_cast<A>(from[at]), primitive.op);
        to[at] = static_cast<T>(primitive.inclusive ? total : before_this);
      }
    });
  });
}

}  // namespace

void register_sort(Backend& backend) {
  backend.add<Sort, sort>();
  backend.add<Partition, partition>();
  backend.add<Scan, scan>();
}

}  // namespace mica::cpu
