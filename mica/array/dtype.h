#pragma once

#include <complex>
#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "mica/base/half.h"

namespace mica {

/// A complex number of two float32.
using complex64_t = std::complex<float>;

/// The type of an array's elements. Compares and switches as Dtype::Val.
struct Dtype {
  enum class Val {
    bool_,
    uint8,
    uint16,
    uint32,
    uint64,
    int8,
    int16,
    int32,
    int64,
    float16,
    float32,
    float64,
    bfloat16,
    complex64,
  };

  /// bool, unsigned, signed, float, complex; V ("void") is bfloat16, which NumPy has no letter for.
  enum class Kind { b, u, i, f, c, V };

  /// Abstract types for issubdtype; generic ⊃ number ⊃ {integer ⊃ {signed, unsigned}, inexact ⊃ {floating, complex}}.
  enum class Category { complexfloating, floating, inexact, signedinteger, unsignedinteger, integer, number, generic };

  constexpr explicit Dtype(Val val, uint8_t size) : val_(val), size_(size) {}
  constexpr operator Val() const { return val_; }  // NOLINT(google-explicit-constructor)
  constexpr Val val() const { return val_; }
  constexpr uint8_t size() const { return size_; }

 private:
  Val val_;
  uint8_t size_;
};

inline constexpr Dtype bool_{Dtype::Val::bool_, 1};
inline constexpr Dtype uint8{Dtype::Val::uint8, 1};
inline constexpr Dtype uint16{Dtype::Val::uint16, 2};
inline constexpr Dtype uint32{Dtype::Val::uint32, 4};
inline constexpr Dtype uint64{Dtype::Val::uint64, 8};
inline constexpr Dtype int8{Dtype::Val::int8, 1};
inline constexpr Dtype int16{Dtype::Val::int16, 2};
inline constexpr Dtype int32{Dtype::Val::int32, 4};
inline constexpr Dtype int64{Dtype::Val::int64, 8};
inline constexpr Dtype float16{Dtype::Val::float16, 2};
inline constexpr Dtype float32{Dtype::Val::float32, 4};
inline constexpr Dtype float64{Dtype::Val::float64, 8};
inline constexpr Dtype bfloat16{Dtype::Val::bfloat16, 2};
inline constexpr Dtype complex64{Dtype::Val::complex64, 8};

inline constexpr Dtype::Category complexfloating = Dtype::Category::complexfloating;
inline constexpr Dtype::Category floating = Dtype::Category::floating;
inline constexpr Dtype::Category inexact = Dtype::Category::inexact;
inline constexpr Dtype::Category signedinteger = Dtype::Category::signedinteger;
inline constexpr Dtype::Category unsignedinteger = Dtype::Category::unsignedinteger;
inline constexpr Dtype::Category integer = Dtype::Category::integer;
inline constexpr Dtype::Category number = Dtype::Category::number;
inline constexpr Dtype::Category generic = Dtype::Category::generic;

/// Whether the first type or category belongs to the second.
bool issubdtype(const Dtype& a, const Dtype& b);
bool issubdtype(const Dtype::Category& a, const Dtype& b);
bool issubdtype(const Dtype& a, const Dtype::Category& b);
bool issubdtype(const Dtype::Category& a, const Dtype::Category& b);

/// The type that holds values of both: MLX's table (bool < integers < floats < complex; f16 with bf16 gives f32; uint64
/// with a signed type gives f32; f64 stays f64; complex64 absorbs all).
Dtype promote_types(const Dtype& t1, const Dtype& t2);

/// Bytes of an element.
inline uint8_t size_of(const Dtype& t) {
  return t.size();
}
/// Which kind of numbers it is.
Dtype::Kind kindof(const Dtype& t);

/// float16 or bfloat16.
constexpr bool is_half(Dtype t) {
  return t == float16 || t == bfloat16;
}

/// "float32", "bool" …, as NumPy and MLX name them.
std::string_view dtype_name(const Dtype& t);
std::ostream& operator<<(std::ostream& os, const Dtype& d);
std::ostream& operator<<(std::ostream& os, const Dtype::Kind& k);

/// The Dtype of a C++ type: Dtype(TypeToDtype<float>()). double maps to float32, as in MLX: a literal 1.0 is no reason
/// to compute in double precision.
template <typename T>
struct TypeToDtype {
  operator Dtype();  // NOLINT(google-explicit-constructor)
};

/// Calls f with a value of the C++ type of `dtype` as a type tag: dispatch(dtype, [&]<typename T>(T) { … }).
template <typename F>
decltype(auto) dispatch(Dtype dtype, F&& f) {
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return f(bool{});
    case Dtype::Val::uint8:
      return f(uint8_t{});
    case Dtype::Val::uint16:
      return f(uint16_t{});
    case Dtype::Val::uint32:
      return f(uint32_t{});
    case Dtype::Val::uint64:
      return f(uint64_t{});
    case Dtype::Val::int8:
      return f(int8_t{});
    case Dtype::Val::int16:
      return f(int16_t{});
    case Dtype::Val::int32:
      return f(int32_t{});
    case Dtype::Val::int64:
      return f(int64_t{});
    case Dtype::Val::float16:
      return f(float16_t{});
    case Dtype::Val::float32:
      return f(float{});
    case Dtype::Val::float64:
      return f(double{});
    case Dtype::Val::bfloat16:
      return f(bfloat16_t{});
    case Dtype::Val::complex64:
      break;
  }
  return f(complex64_t{});
}

}  // namespace mica
