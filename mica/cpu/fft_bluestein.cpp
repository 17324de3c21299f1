#include "mica/cpu/fft_bluestein.h"

#include <algorithm>

#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/fft_turns.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

/// Elements of kFourierColumns numbers that hold so many.
int64_t elements_of(int64_t numbers) {
  return (numbers + kFourierColumns - 1) / kFourierColumns;
}

}  // namespace

Bluestein::Bluestein(int64_t n, int64_t m, std::unique_ptr<const SmoothFourier> convolution)
    : n_(n),
      m_(m),
      convolution_(std::move(convolution)),
      chirp_re_(static_cast<size_t>(elements_of(n) * kFourierColumns)),
      chirp_im_(chirp_re_.size()) {
  // k² modulo 2n, without products that could overflow.
  int64_t square = 0;
  for (int64_t k = 0; k < n; ++k) {
    const FourierNumber w = fourier_turn(square, 2 * n);
    chirp_re_[static_cast<size_t>(k)] = static_cast<float>(w.re);
    chirp_im_[static_cast<size_t>(k)] = static_cast<float>(w.im);
    square = (square + 2 * k + 1) % (2 * n);
  }
  find_spectrum();
}

void Bluestein::find_spectrum() {
  const int64_t columns = convolution_->columns();
  const Workspace<float> memory(2 * m_ * columns + convolution_->scratch_size());
  float* re = memory.data();
  float* im = re + m_ * columns;
  std::fill_n(re, 2 * m_ * columns, 0.0f);
  const float scale = 1.0f / static_cast<float>(m_);
  for (int64_t k = 0; k < n_; ++k) {
    for (const int64_t at : {k, (m_ - k) % m_}) {
      std::fill_n(re + at * columns, columns, chirp_re_[static_cast<size_t>(k)] * scale);
      std::fill_n(im + at * columns, columns, -chirp_im_[static_cast<size_t>(k)] * scale);
    }
  }
  convolution_->run(re, im, im + m_ * columns);
  for (int64_t k = 0; k < m_; ++k) {
    spectrum_re_.push_back(re[k * columns]);
    spectrum_im_.push_back(im[k * columns]);
  }
}

/// The numbers of a row or a tile times the chirp.
void Bluestein::turn(const FourierSource& from, const FourierTarget& to) const {
  // An element of a tile is one number of each column, one of a row neighbouring numbers.
  const int64_t step = columns() == 1 ? kFourierColumns : 1;
  for_places(elements_of(n_ * columns()), kFourierGrain / kFourierColumns, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * kFourierColumns;
    FourierPass pass = {};
    pass.radix = 1;
    pass.rest = 1;
    pass.side = end - begin;
    pass.source = {from.re + at, from.im + at, kFourierColumns};
    pass.target = {to.re + at, to.im + at, kFourierColumns};
    pass.factors = {chirp_re_.data() + begin * step, chirp_im_.data() + begin * step, step};
    fourier_kernels().pass(pass);
  });
}

void Bluestein::run(float* re, float* im, float* scratch) const {
  const int64_t size = m_ * columns();
  float* padded_re = scratch;
  float* padded_im = scratch + size;
  turn({re, im, kFourierColumns}, {padded_re, padded_im, kFourierColumns});
  const int64_t rest = (m_ - n_) * columns();
  std::fill_n(padded_re + n_ * columns(), rest, 0.0f);
  std::fill_n(padded_im + n_ * columns(), rest, 0.0f);
  convolution_->run(padded_re, padded_im, scratch + 2 * size, {spectrum_re_.data(), spectrum_im_.data()});
  // The inverse transform is the transform with real and imaginary parts exchanged.
  convolution_->run(padded_im, padded_re, scratch + 2 * size);
  turn({padded_re, padded_im, kFourierColumns}, {re, im, kFourierColumns});
}

}  // namespace mica::cpu
