#include "mica/ops/fft.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// The last axis cut or filled up with zeros to the length.
array with_length(const array& a, ShapeElem length, StreamOrDevice s) {
  const ShapeElem given = a.shape(-1);
  if (given == length) return a;
  if (given < length) return pad(a, {-1}, {0}, {length - given}, array(0, a.dtype()), "constant", s);
  Shape stop = a.shape();
  stop.back() = length;
  return slice(a, Shape(stop.size(), 0), stop, s);
}

}  // namespace

std::vector<OutputSpec> Fourier::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  if (n < 1) fail_as<std::invalid_argument>("[fft] a transform of length {}", n);
  const array& a = inputs[0];
  const ShapeElem needed = kind == FourierKind::to_real ? n / 2 + 1 : n;
  const Dtype type = kind == FourierKind::of_real ? float32 : complex64;
  if (a.ndim() == 0 || a.shape(-1) != needed || a.dtype() != type) {
    fail_as<std::invalid_argument>("[fft] a transform of length {} does not fit an input of shape {}", n,
                                   to_string(a.shape()));
  }
  Shape shape = a.shape();
  shape.back() = kind == FourierKind::of_real ? n / 2 + 1 : n;
  return {{std::move(shape), kind == FourierKind::to_real ? float32 : complex64}};
}

// The adjoint of each transform: the conjugate factors, summed the other way.
std::vector<array> Fourier::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                const std::vector<int>&, const std::vector<array>&) const {
  const array& g = cotangents[0];
  if (kind == FourierKind::complex) {
    return {apply<Fourier>({g}, stream(), FourierKind::complex, n, !inverse, scale)};
  }
  if (kind == FourierKind::of_real) {
    const array full = with_length(g, n, stream());
    return {real(apply<Fourier>({full}, stream(), FourierKind::complex, n, !inverse, scale), stream())};
  }
  // All frequencies but 0 and the middle one stand for two.
  const array half = apply<Fourier>({g}, stream(), FourierKind::of_real, n, !inverse, scale);
  std::vector<float> counts(static_cast<size_t>(n / 2 + 1), 2.0f);
  counts.front() = 1.0f;
  if (n % 2 == 0) counts.back() = 1.0f;
  return {multiply(half, array(counts.begin(), Shape{n / 2 + 1}, float32), stream())};
}

std::vector<array> Fourier::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                const std::vector<int>&) const {
  return {apply<Fourier>({tangents[0]}, stream(), kind, n, inverse, scale)};
}

Batched Fourier::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return {{apply<Fourier>({batch_first(inputs[0], axes[0], stream())}, stream(), kind, n, inverse, scale)}, {0}};
}

namespace fft {
namespace {

std::vector<int> checked_axes(const array& a, const std::vector<int>& axes) {
  std::vector<int> out;
  for (const int axis : axes) {
    out.push_back(normalize_axis(axis, a.ndim(), "fft"));
    if (std::count(out.begin(), out.end(), out.back()) > 1) {
      fail_as<std::invalid_argument>("[fft] axis {} is named twice", axis);
    }
  }
  return out;
}

float scale_of(FFTNorm norm, bool inverse, ShapeElem n) {
  if (norm == FFTNorm::Ortho) return static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
  return (norm == FFTNorm::Backward) == inverse ? static_cast<float>(1.0 / static_cast<double>(n)) : 1.0f;
}

array along_axis(const array& a, FourierKind kind, ShapeElem n, int axis, bool inverse, FFTNorm norm,
                 StreamOrDevice s) {
  const array last = with_length(moveaxis(a, axis, -1, s), kind == FourierKind::to_real ? n / 2 + 1 : n, s);
  const array out = apply<Fourier>({last}, to_stream(s), kind, n, inverse, scale_of(norm, inverse, n));
  return moveaxis(out, -1, axis, s);
}

array transform(const array& a, const Shape& n, const std::vector<int>& axes, bool real, bool inverse, FFTNorm norm,
                StreamOrDevice s) {
  if (n.size() != axes.size()) {
    fail_as<std::invalid_argument>("[fft] {} lengths for {} axes", n.size(), axes.size());
  }
  for (const ShapeElem length : n) {
    if (length < 1) fail_as<std::invalid_argument>("[fft] a transform of length {}", length);
  }
  const std::vector<int> along = checked_axes(a, axes);
  if (along.empty()) return a;
  const size_t last = along.size() - 1;
  const bool of_real = real && !inverse;
  array out = astype(of_real && a.dtype() == complex64 ? mica::real(a, s) : a, of_real ? float32 : complex64, s);
  if (of_real) out = along_axis(out, FourierKind::of_real, n[last], along[last], inverse, norm, s);
  // The real side of a transform comes first or last.
  for (size_t i = real ? last : last + 1; i-- > 0;) {
    out = along_axis(out, FourierKind::complex, n[i], along[i], inverse, norm, s);
  }
  if (real && inverse) out = along_axis(out, FourierKind::to_real, n[last], along[last], inverse, norm, s);
  return out;
}

/// The lengths of the axes; with `from_half` the last one is that of the real numbers.
Shape lengths(const array& a, const std::vector<int>& axes, bool from_half) {
  Shape out;
  for (const int axis : checked_axes(a, axes)) out.push_back(a.shape(axis));
  if (from_half && !out.empty()) out.back() = 2 * (out.back() - 1);
  return out;
}

array shifted(const array& a, const std::vector<int>& axes, bool back, StreamOrDevice s) {
  Shape shifts;
  for (const int axis : checked_axes(a, axes)) {
    const ShapeElem half = a.shape(axis) / 2;
    shifts.push_back(back ? -half : half);
  }
  return roll(a, shifts, axes, s);
}

}  // namespace

#define MICA_FFTN(name, is_real, is_inverse)                                                                 \
  array name(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) { \
    return transform(a, n, axes, is_real, is_inverse, norm, s);                                              \
  }                                                                                                          \
  array name(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {                 \
    return name(a, lengths(a, axes, (is_real) && (is_inverse)), axes, norm, s);                              \
  }                                                                                                          \
  array name(const array& a, FFTNorm norm, StreamOrDevice s) {                                               \
    return name(a, all_axes(a), norm, s);                                                                    \
  }
MICA_FFTN(fftn, false, false)
MICA_FFTN(ifftn, false, true)
MICA_FFTN(rfftn, true, false)
MICA_FFTN(irfftn, true, true)
#undef MICA_FFTN

array fftfreq(int n, double d, StreamOrDevice s) {
  if (n < 1) fail_as<std::invalid_argument>("[fftfreq] a transform of length {}", n);
  const array places = concatenate({arange(0, (n + 1) / 2, s), arange(-(n / 2), 0, s)}, 0, s);
  return multiply(astype(places, float32, s), array(1.0 / (n * d)), s);
}
array rfftfreq(int n, double d, StreamOrDevice s) {
  if (n < 1) fail_as<std::invalid_argument>("[rfftfreq] a transform of length {}", n);
  return multiply(astype(arange(0, n / 2 + 1, s), float32, s), array(1.0 / (n * d)), s);
}

array fftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  return shifted(a, axes, false, s);
}
array fftshift(const array& a, StreamOrDevice s) {
  return shifted(a, all_axes(a), false, s);
}
array ifftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  return shifted(a, axes, true, s);
}
array ifftshift(const array& a, StreamOrDevice s) {
  return shifted(a, all_axes(a), true, s);
}

// The transforms along one axis and along two.
#define MICA_FFT(one, two, many)                                                                            \
  array one(const array& a, int n, int axis, FFTNorm norm, StreamOrDevice s) {                              \
    return many(a, Shape{n}, std::vector<int>{axis}, norm, s);                                              \
  }                                                                                                         \
  array one(const array& a, int axis, FFTNorm norm, StreamOrDevice s) {                                     \
    return many(a, std::vector<int>{axis}, norm, s);                                                        \
  }                                                                                                         \
  array two(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) { \
    return many(a, n, axes, norm, s);                                                                       \
  }                                                                                                         \
  array two(const array& a, const std::vector<int>& axes, FFTNorm norm, StreamOrDevice s) {                 \
    return many(a, axes, norm, s);                                                                          \
  }
MICA_FFT(fft, fft2, fftn)
MICA_FFT(ifft, ifft2, ifftn)
MICA_FFT(rfft, rfft2, rfftn)
MICA_FFT(irfft, irfft2, irfftn)
#undef MICA_FFT

}  // namespace fft
}  // namespace mica
