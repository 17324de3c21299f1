#include "mica/cpu/kernels/fourier.h"

#include "mica/cpu/kernels/simd.h"

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
  return {a.re * b.re - a.im * b.im, fma(a.re, b.im, a.im * b.re)};
}
Complex scaled(Complex a, float factor) {
  return {a.re * F32(factor), a.im * F32(factor)};
}
/// Times −i.
Complex turned(Complex a) {
  return {a.im, F32(0.0f) - a.re};
}

template <int radix>
struct Butterfly {
  /// exp(−2πi j / radix)
  Complex circle[radix];

  explicit Butterfly(const FourierPass& pass) {
    for (int j = 0; j < radix; ++j) {
      const int64_t at = pass.n / radix * j;
      circle[j] = {F32(pass.turns_re[at]), F32(pass.turns_im[at])};
    }
  }

  void operator()(Complex* a) const {
    Complex out[radix];
    for (int k = 0; k < radix; ++k) {
      out[k] = a[0];
      for (int j = 1; j < radix; ++j) out[k] = out[k] + a[j] * circle[j * k % radix];
    }
    for (int k = 0; k < radix; ++k) a[k] = out[k];
  }
};

template <>
struct Butterfly<2> {
  explicit Butterfly(const FourierPass&) {}
  void operator()(Complex* a) const {
    const Complex sum = a[0] + a[1];
    a[1] = a[0] - a[1];
    a[0] = sum;
  }
};

template <>
struct Butterfly<3> {
  explicit Butterfly(const FourierPass&) {}
  void operator()(Complex* a) const {
    const Complex sum = a[1] + a[2];
    const Complex gap = scaled(turned(a[1] - a[2]), 0.866025403784438647f);  // √3 / 2
    const Complex middle = a[0] - scaled(sum, 0.5f);
    a[0] = a[0] + sum;
    a[1] = middle + gap;
    a[2] = middle - gap;
  }
};

template <>
struct Butterfly<4> {
  explicit Butterfly(const FourierPass&) {}
  void operator()(Complex* a) const {
    const Complex even = a[0] + a[2];
    const Complex odd = a[1] + a[3];
    const Complex even_gap = a[0] - a[2];
    const Complex odd_gap = turned(a[1] - a[3]);
    a[0] = even + odd;
    a[1] = even_gap + odd_gap;
    a[2] = even - odd;
    a[3] = even_gap - odd_gap;
  }
};

template <int radix>
void run(const FourierPass& pass) {
  const Butterfly<radix> butterfly(pass);
  for (int64_t p = 0; p < pass.rest; ++p) {
    Complex factors[radix];
    for (int k = 0; k < radix; ++k) {
      const int64_t at = p * k * pass.turn_stride;
      factors[k] = {F32(pass.turns_re[at]), F32(pass.turns_im[at])};
    }
    const int64_t from = pass.stride * p;
    const int64_t to = pass.stride * radix * p;
    for (int64_t q = 0; q < pass.stride; q += F32::kLanes) {
      const int64_t left = pass.stride - q;
      Complex a[radix];
      for (int j = 0; j < radix; ++j) {
        const int64_t at = from + q + pass.stride * pass.rest * j;
        a[j] = left >= F32::kLanes ? Complex{F32::load(pass.from_re + at), F32::load(pass.from_im + at)}
                                   : Complex{F32::load(pass.from_re + at, left), F32::load(pass.from_im + at, left)};
      }
      butterfly(a);
      for (int k = 0; k < radix; ++k) {
        const Complex value = k == 0 ? a[0] : a[k] * factors[k];
        const int64_t at = to + q + pass.stride * k;
        if (left >= F32::kLanes) {
          value.re.store(pass.to_re + at);
          value.im.store(pass.to_im + at);
        } else {
          value.re.store(pass.to_re + at, left);
          value.im.store(pass.to_im + at, left);
        }
      }
    }
  }
}

}  // namespace

void fourier_pass(const FourierPass& pass) {
  switch (pass.radix) {
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
    case 11:
      return run<11>(pass);
    default:
      return run<13>(pass);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
