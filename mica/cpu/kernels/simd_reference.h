#pragma once

// F32 with 4 lanes in plain C++, for any processor; included by simd.h.

#include "mica/cpu/kernels/half_bits.h"

namespace mica::cpu::MICA_ISA_NS {

/// A truth value per lane.
struct Mask {
  bool bits[4];
  friend Mask operator&(Mask a, Mask b) {
    for (int i = 0; i < 4; ++i) a.bits[i] = a.bits[i] && b.bits[i];
    return a;
  }
  friend Mask operator|(Mask a, Mask b) {
    for (int i = 0; i < 4; ++i) a.bits[i] = a.bits[i] || b.bits[i];
    return a;
  }
};

struct F32 {
  static constexpr int kLanes = 4;
  float v[4];

  F32() = default;
  F32(float value) : v{value, value, value, value} {}  // NOLINT(google-explicit-constructor)

  /// f(i) for every lane i.
  template <typename Function>
  static F32 make(Function f) {
    F32 out;
    for (int i = 0; i < kLanes; ++i) out.v[i] = f(i);
    return out;
  }

  static F32 load(const float* p) {
    return make([p](int i) { return p[i]; });
  }
  /// The first n lanes (0 … kLanes); the others are 0, and memory behind them is not touched.
  static F32 load(const float* p, int64_t n) {
    return make([p, n](int i) { return i < n ? p[i] : 0.0f; });
  }
  void store(float* p) const { store(p, kLanes); }
  void store(float* p, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
  }
  /// Past the caches where the instruction set can; p is aligned to the vector's size.
  void stream(float* p) const { store(p); }

  static F32 load_f16(const uint16_t* p) { return load_f16(p, kLanes); }
  static F32 load_f16(const uint16_t* p, int64_t n) {
    return make([p, n](int i) { return i < n ? f16_to_f32(p[i]) : 0.0f; });
  }
  void store_f16(uint16_t* p) const { store_f16(p, kLanes); }
  void store_f16(uint16_t* p, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) p[i] = f32_to_f16(v[i]);
  }

  static F32 load_bf16(const uint16_t* p) { return load_bf16(p, kLanes); }
  static F32 load_bf16(const uint16_t* p, int64_t n) {
    return make([p, n](int i) { return i < n ? bf16_to_f32(p[i]) : 0.0f; });
  }
  void store_bf16(uint16_t* p) const { store_bf16(p, kLanes); }
  void store_bf16(uint16_t* p, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) p[i] = f32_to_bf16(v[i]);
  }
};

inline F32 operator+(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] + b.v[i]; });
}
inline F32 operator-(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] - b.v[i]; });
}
inline F32 operator*(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] * b.v[i]; });
}
inline F32 operator/(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] / b.v[i]; });
}
inline Mask operator<(F32 a, F32 b) {
  return {{a.v[0] < b.v[0], a.v[1] < b.v[1], a.v[2] < b.v[2], a.v[3] < b.v[3]}};
}
inline Mask operator<=(F32 a, F32 b) {
  return {{a.v[0] <= b.v[0], a.v[1] <= b.v[1], a.v[2] <= b.v[2], a.v[3] <= b.v[3]}};
}
inline Mask operator==(F32 a, F32 b) {
  return {{a.v[0] == b.v[0], a.v[1] == b.v[1], a.v[2] == b.v[2], a.v[3] == b.v[3]}};
}

/// a · b + c
inline F32 fma(F32 a, F32 b, F32 c) {
  return a * b + c;
}
/// The second operand where one is NaN.
inline F32 min(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline F32 max(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline F32 sqrt(F32 a) {
  return F32::make([&](int i) { return __builtin_sqrtf(a.v[i]); });
}
inline F32 abs(F32 a) {
  return F32::make([&](int i) { return __builtin_fabsf(a.v[i]); });
}
/// The larger of two numbers that are not negative; NaN where one is.
inline F32 max_magnitude(F32 a, F32 b) {
  return F32::make([&](int i) { return a.v[i] >= b.v[i] || a.v[i] != a.v[i] ? a.v[i] : b.v[i]; });
}
/// The magnitude of a with the sign of b.
inline F32 copysign(F32 a, F32 b) {
  return F32::make([&](int i) { return __builtin_copysignf(a.v[i], b.v[i]); });
}
/// To the nearest integer, ties to even.
inline F32 round(F32 a) {
  return F32::make([&](int i) { return __builtin_rintf(a.v[i]); });
}
inline F32 floor(F32 a) {
  return F32::make([&](int i) { return __builtin_floorf(a.v[i]); });
}
/// a · 2^n for an integral n between −252 and 254.
inline F32 scale_by_power_of_two(F32 a, F32 n) {
  // In two factors, so that results below the normal range and the largest ones come out right.
  return F32::make([&](int i) {
    const int whole = n.v[i] == n.v[i] ? static_cast<int>(n.v[i]) : 0;
    const int half = whole >> 1;
    return a.v[i] * power_of_two(half) * power_of_two(whole - half);
  });
}
/// a where the mask is true, b elsewhere.
inline F32 select(Mask mask, F32 a, F32 b) {
  return F32::make([&](int i) { return mask.bits[i] ? a.v[i] : b.v[i]; });
}
inline bool any(Mask mask) {
  return mask.bits[0] || mask.bits[1] || mask.bits[2] || mask.bits[3];
}
inline bool all(Mask mask) {
  return mask.bits[0] && mask.bits[1] && mask.bits[2] && mask.bits[3];
}

inline float reduce_add(F32 a) {
  return (a.v[0] + a.v[1]) + (a.v[2] + a.v[3]);
}
inline float reduce_max(F32 a) {
  const F32 swapped = F32::make([&](int i) { return a.v[i ^ 2]; });
  const F32 most = max(a, swapped);
  return most.v[0] > most.v[1] ? most.v[0] : most.v[1];
}
inline float reduce_min(F32 a) {
  const F32 swapped = F32::make([&](int i) { return a.v[i ^ 2]; });
  const F32 least = min(a, swapped);
  return least.v[0] < least.v[1] ? least.v[0] : least.v[1];
}

inline void end_stream() {}

/// 32-bit integers, as many as F32 has lanes.
struct I32 {
  int32_t v[4];

  I32() = default;
  I32(int32_t value) : v{value, value, value, value} {}  // NOLINT(google-explicit-constructor)

  /// f(i) for every lane i.
  template <typename Function>
  static I32 make(Function f) {
    I32 out;
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): bytes are numbers here
    for (int i = 0; i < 4; ++i) out.v[i] = static_cast<int32_t>(f(i));
    return out;
  }

  static I32 load(const void* p) {
    I32 out;
    __builtin_memcpy(out.v, p, sizeof out.v);
    return out;
  }
  void store(void* p) const { __builtin_memcpy(p, v, sizeof v); }
  /// From one byte a lane.
  static I32 load_u8(const void* p) {
    return make([&](int i) { return static_cast<const uint8_t*>(p)[i]; });
  }
  static I32 load_i8(const void* p) {
    return make([&](int i) { return static_cast<const int8_t*>(p)[i]; });
  }
  /// The low byte of every lane.
  void store_low_bytes(void* p) const {
    for (int i = 0; i < 4; ++i) static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(v[i]);
  }
};

inline I32 operator+(I32 a, I32 b) {
  // Wraps around, as the instructions do.
  return I32::make([&](int i) { return static_cast<uint32_t>(a.v[i]) + static_cast<uint32_t>(b.v[i]); });
}
inline I32 operator-(I32 a, I32 b) {
  // Wraps around, as the instructions do.
  return I32::make([&](int i) { return static_cast<uint32_t>(a.v[i]) - static_cast<uint32_t>(b.v[i]); });
}
inline Mask operator==(I32 a, I32 b) {
  return {{a.v[0] == b.v[0], a.v[1] == b.v[1], a.v[2] == b.v[2], a.v[3] == b.v[3]}};
}
inline I32 operator&(I32 a, I32 b) {
  return I32::make([&](int i) { return a.v[i] & b.v[i]; });
}
inline I32 operator|(I32 a, I32 b) {
  return I32::make([&](int i) { return a.v[i] | b.v[i]; });
}
template <int n>
inline I32 shift_left(I32 a) {
  return I32::make([&](int i) { return static_cast<uint32_t>(a.v[i]) << n; });
}
/// Zeros come in from the left.
template <int n>
inline I32 shift_right(I32 a) {
  return I32::make([&](int i) { return static_cast<uint32_t>(a.v[i]) >> n; });
}
inline F32 to_f32(I32 a) {
  return F32::make([&](int i) { return static_cast<float>(a.v[i]); });
}
inline F32 as_f32(I32 bits) {
  return F32::make([&](int i) { return __builtin_bit_cast(float, bits.v[i]); });
}
inline I32 as_i32(F32 bits) {
  return I32::make([&](int i) { return __builtin_bit_cast(int32_t, bits.v[i]); });
}
/// The nearest integers, ties to even.
inline I32 to_i32(F32 a) {
  return I32::make([&](int i) { return __builtin_lrintf(a.v[i]); });
}
/// table[index & 15] of 16 numbers.
inline F32 look_up(const float* table, I32 index) {
  return F32::make([&](int i) { return table[index.v[i] & 15]; });
}

}  // namespace mica::cpu::MICA_ISA_NS
