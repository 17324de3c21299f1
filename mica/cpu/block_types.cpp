#include "mica/cpu/block_types.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "mica/cpu/kernels/elementwise.h"

namespace mica::cpu {
namespace {

template <typename T>
using ComputeOf = std::conditional_t<
    std::is_same_v<T, bool>, bool,
    std::conditional_t<
        std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t> || std::is_same_v<T, float>, float,
        std::conditional_t<std::is_integral_v<T>, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>, T>>>;

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, complex64_t> && !std::is_same_v<To, complex64_t>) {
    if constexpr (std::is_same_v<To, bool>) return value != complex64_t(0);
    return convert<To>(value.real());
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return 0;
    // 2^63 and 2^64 are exact; the largest integers are not.
    if (value >= std::ldexp(From(1), std::numeric_limits<To>::digits)) return std::numeric_limits<To>::max();
    if constexpr (std::is_signed_v<To>) {
      return value <= -std::ldexp(From(1), 63) ? std::numeric_limits<To>::min() : static_cast<To>(value);
    } else {
      // Negative numbers wrap around as integers do.
      if (value <= -std::ldexp(From(1), 63)) return To(1) << 63;
      return value < 0 ? static_cast<To>(static_cast<int64_t>(value)) : static_cast<To>(value);
    }
  } else {
    return static_cast<To>(value);
  }
}

template <typename F>
void with_compute_type(ComputeType type, F&& f) {
  switch (type) {
    case ComputeType::boolean:
      return f(bool{});
    case ComputeType::u64:
      return f(uint64_t{});
    case ComputeType::i64:
      return f(int64_t{});
    case ComputeType::f32:
      return f(float{});
    case ComputeType::f64:
      return f(double{});
    case ComputeType::c64:
      return f(complex64_t{});
  }
}

}  // namespace

ComputeType compute_type(Dtype dtype) {
  switch (kindof(dtype)) {
    case Dtype::Kind::b:
      return ComputeType::boolean;
    case Dtype::Kind::u:
      return ComputeType::u64;
    case Dtype::Kind::i:
      return ComputeType::i64;
    case Dtype::Kind::c:
      return ComputeType::c64;
    default:
      return dtype == float64 ? ComputeType::f64 : ComputeType::f32;
  }
}

size_t compute_size(ComputeType type) {
  return type == ComputeType::boolean ? 1 : type == ComputeType::f32 ? 4 : 8;
}

bool is_streamed(const array& out, std::span<const array> inputs) {
  // What many processors' last cache holds: the result and what is read for it.
  constexpr size_t kCache = size_t{32} << 20;
  if (out.dtype() != float32) return false;
  size_t bytes = out.nbytes();
  for (const array& input : inputs) {
    if (input.data<std::byte>() == out.data<std::byte>()) return false;
    bytes += std::min(input.size(), input.data_size()) * input.itemsize();
  }
  return bytes > kCache;
}

bool in_compute_form(Dtype dtype) {
  return size_of(dtype) == compute_size(compute_type(dtype));
}

const void* load_block(const void* source, Dtype dtype, int64_t stride, int64_t count, Block& scratch) {
  if (stride == 1 && in_compute_form(dtype)) return source;
  if (stride == 1 && is_half(dtype)) {
    const auto& kernels = elementwise_kernels();
    (dtype == float16 ? kernels.load_f16 : kernels.load_bf16)(static_cast<const uint16_t*>(source),
                                                              reinterpret_cast<float*>(scratch.bytes), count);
    return scratch.bytes;
  }
  dispatch(dtype, [&]<typename T>(T) {
    const T* from = static_cast<const T*>(source);
    auto* to = reinterpret_cast<ComputeOf<T>*>(scratch.bytes);
    if (stride == 0) {
      std::fill_n(to, count, static_cast<ComputeOf<T>>(from[0]));
    } else {
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): int8_t here is a number, no character
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<ComputeOf<T>>(from[i * stride]);
    }
  });
  return scratch.bytes;
}

void* block_target(void* target, Dtype dtype, Block& scratch) {
  return in_compute_form(dtype) ? target : scratch.bytes;
}

void store_block(const void* computed, void* target, Dtype dtype, int64_t count) {
  if (in_compute_form(dtype)) return;
  if (is_half(dtype)) {
    const auto& kernels = elementwise_kernels();
    (dtype == float16 ? kernels.store_f16 : kernels.store_bf16)(static_cast<const float*>(computed),
                                                                static_cast<uint16_t*>(target), count);
    return;
  }
  dispatch(dtype, [&]<typename T>(T) {
    const auto* from = static_cast<const ComputeOf<T>*>(computed);
    T* to = static_cast<T*>(target);
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
  });
}

void convert_block(const void* from, ComputeType from_type, void* to, ComputeType to_type, int64_t count) {
  with_compute_type(from_type, [&]<typename From>(From) {
    with_compute_type(to_type, [&]<typename To>(To) {
      const From* source = static_cast<const From*>(from);
      To* target = static_cast<To*>(to);
      for (int64_t i = 0; i < count; ++i) target[i] = convert<To>(source[i]);
    });
  });
}

}  // namespace mica::cpu
