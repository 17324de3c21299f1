#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

/// Discrete Fourier transforms in complex64 and float32. `n` gives the lengths along `axes`: shorter axes are filled up
/// with zeros, longer ones cut. Defaults: all axes and their lengths; the last axis (fft, ifft), the last two (fft2).
/// Throws std::invalid_argument for a length below 1, an axis that is not there or named twice, or when n and axes
/// differ in number.
namespace mica::fft {

/// Where the factor 1/n is: on the inverse, its root on both, or on the forward transform.
enum class FFTNorm { Backward, Ortho, Forward };

/// The transform along several axes; complex64.
array fftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});
array fftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array fftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// The inverse of fftn; complex64.
array ifftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array ifftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array ifftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// Of real numbers: the half n/2 + 1 of the last axis, which the other half follows from.
array rfftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array rfftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array rfftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// The real numbers (by default 2 (n − 1) along the last axis) that rfftn makes such a half of.
array irfftn(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
             StreamOrDevice s = {});
array irfftn(const array& a, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array irfftn(const array& a, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});

/// Along one axis: the discrete Fourier transform.
array fft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array fft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
/// The same along two axes.
array fft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});
array fft2(const array& a, const std::vector<int>& axes = {-2, -1}, FFTNorm norm = FFTNorm::Backward,
           StreamOrDevice s = {});

/// Along one axis: the inverse transform.
array ifft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array ifft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
/// The same along two axes.
array ifft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array ifft2(const array& a, const std::vector<int>& axes = {-2, -1}, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});

/// Along one axis: the transform of real numbers, as rfftn.
array rfft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array rfft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
/// The same along two axes.
array rfft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});
array rfft2(const array& a, const std::vector<int>& axes = {-2, -1}, FFTNorm norm = FFTNorm::Backward,
            StreamOrDevice s = {});

/// Along one axis: the real inverse, as irfftn.
array irfft(const array& a, int n, int axis, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
array irfft(const array& a, int axis = -1, FFTNorm norm = FFTNorm::Backward, StreamOrDevice s = {});
/// The same along two axes.
array irfft2(const array& a, const Shape& n, const std::vector<int>& axes, FFTNorm norm = FFTNorm::Backward,
             StreamOrDevice s = {});
array irfft2(const array& a, const std::vector<int>& axes = {-2, -1}, FFTNorm norm = FFTNorm::Backward,
             StreamOrDevice s = {});

/// The frequencies of the places of a transform of length n with samples `d` apart.
array fftfreq(int n, double d = 1.0, StreamOrDevice s = {});
array rfftfreq(int n, double d = 1.0, StreamOrDevice s = {});

/// Moves frequency 0 to the middle of the axes (all), and back.
array fftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array fftshift(const array& a, StreamOrDevice s = {});
array ifftshift(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array ifftshift(const array& a, StreamOrDevice s = {});

/// Short-time Fourier transform of the last axis: transforms of frames of `n_fft` samples, `hop_length` (n_fft / 4)
/// apart, times `window` (ones of win_length = n_fft; a shorter one is centered between zeros). `center` pads n_fft / 2
/// samples at both ends by `pad_mode`, see pad(). Complex64 [..., frequencies, frames], where `onesided` (the default
/// for real signals) keeps the first n_fft / 2 + 1 frequencies. Throws std::invalid_argument when no frame fits.
array stft(const array& x, int n_fft = 2048, const std::optional<int>& hop_length = std::nullopt,
           const std::optional<int>& win_length = std::nullopt, const std::optional<array>& window = std::nullopt,
           bool center = true, const std::string& pad_mode = "reflect", FFTNorm norm = FFTNorm::Backward,
           const std::optional<bool>& onesided = std::nullopt, StreamOrDevice s = {});

/// The real signal (float32) of a short-time transform: frames transformed back, windowed, added up where they overlap
/// and divided by the sum of the squared windows (places that no window reaches are 0). `n_fft` follows from the
/// frequencies, of a one-sided transform as an even number; `length` cuts or fills up the signal.
array istft(const array& stft_matrix, const std::optional<int>& n_fft = std::nullopt,
            const std::optional<int>& hop_length = std::nullopt, const std::optional<int>& win_length = std::nullopt,
            const std::optional<array>& window = std::nullopt, bool center = true, FFTNorm norm = FFTNorm::Backward,
            const std::optional<bool>& onesided = std::nullopt, const std::optional<int>& length = std::nullopt,
            StreamOrDevice s = {});

}  // namespace mica::fft

namespace mica {

/// The kinds of transform: between complex numbers, of real ones, and to real ones.
enum class FourierKind { complex, of_real, to_real };

/// A transform of length n along the last axis, its results times `scale`.
struct Fourier final : PrimitiveOf<Fourier> {
  Fourier(Stream stream, FourierKind transform, ShapeElem length, bool backwards, float factor)
      : PrimitiveOf(stream), kind(transform), n(length), inverse(backwards), scale(factor) {}
  std::string_view name() const override { return "fft"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(kind, n, inverse, scale); }
  FourierKind kind;
  ShapeElem n;
  bool inverse;
  float scale;
};

}  // namespace mica
