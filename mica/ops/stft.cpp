// Short-time Fourier transforms.
#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fft.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::fft {
namespace {

/// How a signal is cut into frames.
struct Frames {
  int length;
  int hop;
  array window;  ///< of `length`

  Frames(int n_fft, const std::optional<int>& hop_length, const std::optional<int>& win_length,
         const std::optional<array>& shape, Dtype dtype, std::string_view op, StreamOrDevice s)
      : length(n_fft), hop(hop_length.value_or(std::max(n_fft / 4, 1))), window(array(1.0f)) {
    if (n_fft < 1) fail_as<std::invalid_argument>("[{}] n_fft is {}", op, n_fft);
    if (hop < 1) fail_as<std::invalid_argument>("[{}] hop_length is {}, it must be positive", op, hop);
    const array given = shape ? astype(*shape, dtype, s) : ones({win_length.value_or(n_fft)}, dtype, s);
    if (given.ndim() != 1 || given.shape(0) > n_fft) {
      fail_as<std::invalid_argument>("[{}] a window of shape {} for frames of {}", op, to_string(given.shape()), n_fft);
    }
    const auto missing = n_fft - static_cast<int>(given.shape(0));
    window = pad(given, {0}, {missing / 2}, {missing - missing / 2}, array(0, dtype), "constant", s);
  }

  /// The sample (int64) of every place of `count` frames: [count, length].
  array places(ShapeElem count, StreamOrDevice s) const {
    const array starts = arange(0.0, static_cast<double>(count * hop), static_cast<double>(hop), int64, s);
    return add(expand_dims(starts, 1, s), arange(0.0, static_cast<double>(length), int64, s), s);
  }
};

/// Frames [batch, count, length] added up at their places in signals of `samples`: [batch, samples].
array overlap_add(const array& frames, const array& places, ShapeElem samples, StreamOrDevice s) {
  const ShapeElem batch = frames.shape(0);
  const array flat = flatten(frames, 1, 2, s);
  const array indices = broadcast_to(reshape(places, {1, flat.shape(1)}, s), flat.shape(), s);
  return scatter_add_axis(zeros({batch, samples}, frames.dtype(), s), indices, flat, 1, s);
}

}  // namespace

array stft(const array& x, int n_fft, const std::optional<int>& hop_length, const std::optional<int>& win_length,
           const std::optional<array>& window, bool center, const std::string& pad_mode, FFTNorm norm,
           const std::optional<bool>& onesided, StreamOrDevice s) {
  if (x.ndim() == 0) fail_as<std::invalid_argument>("[stft] a scalar is no signal");
  const bool is_complex = x.dtype() == complex64;
  const Frames frames(n_fft, hop_length, win_length, window, float32, "stft", s);
  array signal = is_complex ? x : astype(x, float32, s);
  if (center) signal = pad(signal, {-1}, {n_fft / 2}, {n_fft / 2}, array(0, signal.dtype()), pad_mode, s);
  const ShapeElem samples = signal.shape(-1);
  if (samples < n_fft) {
    fail_as<std::invalid_argument>("[stft] a signal of {} samples is too short for frames of {}", samples, n_fft);
  }
  const ShapeElem count = (samples - n_fft) / frames.hop + 1;
  const array cut = multiply(take(signal, frames.places(count, s), -1, s), frames.window, s);
  const bool half = onesided.value_or(!is_complex);
  array out = !is_complex && half ? rfft(cut, -1, norm, s) : fft(cut, -1, norm, s);
  if (is_complex && half) out = split(out, Shape{n_fft / 2 + 1}, -1, s)[0];
  return swapaxes(out, -1, -2, s);
}

array istft(const array& stft_matrix, const std::optional<int>& n_fft, const std::optional<int>& hop_length,
            const std::optional<int>& win_length, const std::optional<array>& window, bool center, FFTNorm norm,
            const std::optional<bool>& onesided, const std::optional<int>& length, StreamOrDevice s) {
  if (stft_matrix.ndim() < 2) {
    fail_as<std::invalid_argument>("[istft] shape {} has no frequencies and frames", to_string(stft_matrix.shape()));
  }
  const bool half = onesided.value_or(true);
  const auto frequencies = static_cast<int>(stft_matrix.shape(-2));
  const int size = n_fft.value_or(half ? 2 * (frequencies - 1) : frequencies);
  const Frames frames(size, hop_length, win_length, window, float32, "istft", s);
  const array spectrum = swapaxes(stft_matrix, -1, -2, s);
  const array back = half ? irfft(spectrum, size, -1, norm, s) : real(ifft(spectrum, size, -1, norm, s), s);
  const ShapeElem count = back.shape(-2);
  if (count == 0) fail_as<std::invalid_argument>("[istft] there are no frames");
  const ShapeElem samples = (count - 1) * frames.hop + size;
  const array places = frames.places(count, s);
  const array windowed = multiply(reshape(back, {-1, count, size}, s), frames.window, s);
  const array squares = broadcast_to(square(frames.window, s), {1, count, size}, s);
  const array weights = overlap_add(squares, places, samples, s);
  const array reached = greater(weights, array(1e-10f), s);
  array out = divide(overlap_add(windowed, places, samples, s), where(reached, weights, array(1.0f), s), s);
  out = where(reached, out, array(0.0f), s);
  if (center) {
    // Half a frame was padded at both ends; a given length may reach into the last one.
    const ShapeElem begin = std::min<ShapeElem>(size / 2, samples);
    const ShapeElem end = length ? samples : std::max(samples - size / 2, begin);
    out = slice(out, Shape{0, begin}, Shape{out.shape(0), end}, s);
  }
  if (length) {
    const ShapeElem kept = std::min<ShapeElem>(out.shape(1), *length);
    out = slice(out, {0, 0}, Shape{out.shape(0), kept}, Shape{1, 1}, s);
    out = pad(out, {1}, {0}, {*length - kept}, array(0.0f), "constant", s);
  }
  Shape shape(stft_matrix.shape().begin(), stft_matrix.shape().end() - 2);
  shape.push_back(out.shape(1));
  return reshape(out, shape, s);
}

}  // namespace mica::fft
