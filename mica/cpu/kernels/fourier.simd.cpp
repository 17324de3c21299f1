#include "mica/cpu/kernels/fourier.h"

#include "mica/cpu/kernels/fourier_lanes.h"
#include "mica/cpu/kernels/fourier_rows.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

struct Complex {
  F32 re;
  F32 im;
};

Complex operator+(Complex a, Complex b) {
  return {a.re + b.re, a.im + b.im};
}
Complex operator-(Complex a, Complex b) {
  return {a.re - b.re, a.im - b.im};
}
Complex operator*(Complex a, Complex b) {
  return {fnma(a.im, b.im, a.re * b.re), fma(a.re, b.im, a.im * b.re)};
}
/// Times −i.
Complex turned(Complex a) {
  return {a.im, F32(0.0f) - a.re};
}

Complex load(const FourierSource& source, int64_t element, int64_t column) {
  const int64_t at = element * source.step + column;
  return {F32::load(source.re + at), F32::load(source.im + at)};
}
void store(Complex value, const FourierTarget& target, int64_t element, int64_t column) {
  const int64_t at = element * target.step + column;
  value.re.store(target.re + at);
  value.im.store(target.im + at);
}

/// The transform of an odd length: sums and gaps of mirrored elements, then real products.
template <int radix>
struct Butterfly {
  static constexpr int kHalf = radix / 2;
  const float* circle;

  explicit Butterfly(const FourierPass& pass) : circle(pass.circle) {}

  [[gnu::always_inline]] void operator()(Complex* a) const {
    Complex sum[kHalf];
    Complex gap[kHalf];
    const Complex first = a[0];
#pragma GCC unroll 16
    for (int j = 1; j <= kHalf; ++j) {
      sum[j - 1] = a[j] + a[radix - j];
      gap[j - 1] = a[j] - a[radix - j];
      a[0] = a[0] + sum[j - 1];
    }
#pragma GCC unroll 16
    for (int k = 1; k <= kHalf; ++k) {
      Complex middle = first;
      Complex side = {F32(0.0f), F32(0.0f)};
#pragma GCC unroll 16
      for (int j = 1; j <= kHalf; ++j) {
        const int turn = j * k % radix;
        const int at = turn <= kHalf ? turn : radix - turn;
        const F32 cosine(circle[2 * at]);
        const F32 sine(circle[2 * at + 1]);
        middle = {fma(sum[j - 1].re, cosine, middle.re), fma(sum[j - 1].im, cosine, middle.im)};
        side = turn <= kHalf ? Complex{fma(gap[j - 1].re, sine, side.re), fma(gap[j - 1].im, sine, side.im)}
                             : Complex{fnma(gap[j - 1].re, sine, side.re), fnma(gap[j - 1].im, sine, side.im)};
      }
      a[k] = {middle.re + side.im, middle.im - side.re};
      a[radix - k] = {middle.re - side.im, middle.im + side.re};
    }
  }
};

template <>
struct Butterfly<1> {
  explicit Butterfly(const FourierPass&) {}
  [[gnu::always_inline]] void operator()(Complex*) const {}
};

template <>
struct Butterfly<2> {
  explicit Butterfly(const FourierPass&) {}
  [[gnu::always_inline]] void operator()(Complex* a) const {
    const Complex sum = a[0] + a[1];
    a[1] = a[0] - a[1];
    a[0] = sum;
  }
};

/// The transform of a[0], a[1], a[2], a[3].
[[gnu::always_inline]] inline void transform_four(Complex& a0, Complex& a1, Complex& a2, Complex& a3) {
  const Complex even = a0 + a2;
  const Complex odd = a1 + a3;
  const Complex even_gap = a0 - a2;
  const Complex odd_gap = a1 - a3;
  a0 = even + odd;
  a2 = even - odd;
  a1 = {even_gap.re + odd_gap.im, even_gap.im - odd_gap.re};
  a3 = {even_gap.re - odd_gap.im, even_gap.im + odd_gap.re};
}

template <>
struct Butterfly<4> {
  explicit Butterfly(const FourierPass&) {}
  [[gnu::always_inline]] void operator()(Complex* a) const { transform_four(a[0], a[1], a[2], a[3]); }
};

template <>
struct Butterfly<8> {
  explicit Butterfly(const FourierPass&) {}
  [[gnu::always_inline]] void operator()(Complex* a) const {
    const F32 root(0.707106781186547524f);  // √½
    Complex even[4];
    Complex odd[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      even[j] = a[j] + a[j + 4];
      odd[j] = a[j] - a[j + 4];
    }
    odd[1] = {(odd[1].re + odd[1].im) * root, (odd[1].im - odd[1].re) * root};
    odd[2] = turned(odd[2]);
    odd[3] = {(odd[3].im - odd[3].re) * root, F32(0.0f) - (odd[3].re + odd[3].im) * root};
    transform_four(even[0], even[1], even[2], even[3]);
    transform_four(odd[0], odd[1], odd[2], odd[3]);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      a[2 * k] = even[k];
      a[2 * k + 1] = odd[k];
    }
  }
};

/// What results are multiplied with.
enum class Factors { none, turns, of_element, of_all_columns };

[[gnu::always_inline]] inline Complex factor_for_all_columns(const FourierPass& pass, int64_t element) {
  return {F32(pass.factors.re[element]), F32(pass.factors.im[element])};
}

template <int radix, Factors factors>
void run(const FourierPass& pass) {
  const Butterfly<radix> butterfly(pass);
  for (int64_t p = 0; p < pass.rest; ++p) {
    const float* turns = pass.turns + 2 * (radix - 1) * p;
    for (int64_t e = 0; e < pass.side; ++e) {
      for (int64_t column = 0; column < kFourierColumns; column += F32::kLanes) {
        Complex a[radix];
#pragma GCC unroll 16
        for (int j = 0; j < radix; ++j) a[j] = load(pass.source, (p + pass.rest * j) * pass.side + e, column);
        butterfly(a);
#pragma GCC unroll 16
        for (int k = 0; k < radix; ++k) {
          const int64_t to = (radix * p + k) * pass.side + e;
          if (factors == Factors::turns && k > 0) a[k] = a[k] * Complex{F32(turns[2 * k - 2]), F32(turns[2 * k - 1])};
          if (factors == Factors::of_element) a[k] = a[k] * load(pass.factors, to, column);
          if (factors == Factors::of_all_columns) a[k] = a[k] * factor_for_all_columns(pass, to);
          store(a[k], pass.target, to, column);
        }
      }
    }
  }
}

template <int radix>
void run(const FourierPass& pass) {
  if (pass.rest > 1) return run<radix, Factors::turns>(pass);
  if (pass.factors.re == nullptr) return run<radix, Factors::none>(pass);
  pass.factors.step == 1 ? run<radix, Factors::of_all_columns>(pass) : run<radix, Factors::of_element>(pass);
}

/// A large odd radix: the same as Butterfly, four pairs of results at a time.
class LargeRadix {
 public:
  explicit LargeRadix(const FourierPass& pass) : pass_(pass), half_(pass.radix / 2) {}

  void run() {
    for (int64_t p = 0; p < pass_.rest; ++p) {
      for (int64_t e = 0; e < pass_.side; ++e) {
        for (int64_t column = 0; column < kFourierColumns; column += F32::kLanes) transform(p, e, column);
      }
    }
  }

 private:
  static constexpr int kBlock = 4;

  void transform(int64_t p, int64_t e, int64_t column) {
    const auto at = [&](int64_t j) { return load(pass_.source, (p + pass_.rest * j) * pass_.side + e, column); };
    first_ = at(0);
    Complex total = first_;
    for (int j = 1; j <= half_; ++j) {
      const Complex a = at(j);
      const Complex b = at(pass_.radix - j);
      sum_[j - 1] = a + b;
      gap_[j - 1] = a - b;
      total = total + sum_[j - 1];
    }
    put(total, p, 0, e, column);
    int k = 1;
    for (; k + kBlock <= half_ + 1; k += kBlock) block<kBlock>(k, p, e, column);
    for (; k <= half_; ++k) block<1>(k, p, e, column);
  }

  template <int count>
  void block(int k, int64_t p, int64_t e, int64_t column) {
    Complex middle[count];
    Complex side[count];
    for (int i = 0; i < count; ++i) {
      middle[i] = first_;
      side[i] = {F32(0.0f), F32(0.0f)};
    }
    const float* circle = pass_.circle + int64_t{2} * (k - 1) * half_;
    for (int j = 0; j < half_; ++j) {
      const Complex sum = sum_[j];
      const Complex gap = gap_[j];
      for (int i = 0; i < count; ++i) {
        const F32 cosine(circle[2 * (i * half_ + j)]);
        const F32 sine(circle[2 * (i * half_ + j) + 1]);
        middle[i] = {fma(sum.re, cosine, middle[i].re), fma(sum.im, cosine, middle[i].im)};
        side[i] = {fma(gap.re, sine, side[i].re), fma(gap.im, sine, side[i].im)};
      }
    }
    for (int i = 0; i < count; ++i) {
      put({middle[i].re + side[i].im, middle[i].im - side[i].re}, p, k + i, e, column);
      put({middle[i].re - side[i].im, middle[i].im + side[i].re}, p, pass_.radix - k - i, e, column);
    }
  }

  void put(Complex value, int64_t p, int64_t k, int64_t e, int64_t column) const {
    const int64_t to = (pass_.radix * p + k) * pass_.side + e;
    if (pass_.rest > 1 && k > 0) {
      const float* turn = pass_.turns + 2 * ((pass_.radix - 1) * p + k - 1);
      value = value * Complex{F32(turn[0]), F32(turn[1])};
    }
    if (pass_.factors.re != nullptr) {
      value = value * (pass_.factors.step == 1 ? factor_for_all_columns(pass_, to) : load(pass_.factors, to, column));
    }
    store(value, pass_.target, to, column);
  }

  const FourierPass& pass_;
  int half_;
  Complex first_;
  Complex sum_[kLargestFourierRadix / 2];
  Complex gap_[kLargestFourierRadix / 2];
};

void fourier_pass(const FourierPass& pass) {
  switch (pass.radix) {
    case 1:
      return run<1>(pass);
    case 2:
      return run<2>(pass);
    case 3:
      return run<3>(pass);
    case 4:
      return run<4>(pass);
    case 5:
      return run<5>(pass);
    case 7:
      return run<7>(pass);
    case 8:
      return run<8>(pass);
    case 11:
      return run<11>(pass);
    case 13:
      return run<13>(pass);
    default:
      return LargeRadix(pass).run();
  }
}

}  // namespace

FourierKernels fourier_kernels() {
  return {fourier_pass, rows_to_tile, rows_from_tile, pairs_to_tile,   pairs_from_tile, untangle_tile,
          tangle_tile,  split_rows,   join_rows,      untangle_halves, tangle_halves};
}

}  // namespace mica::cpu::MICA_ISA_NS
