#include "mica/ops/fft.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_halves.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/fft_plan.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 16384;  ///< numbers of a thread's piece of work

/// Calls body(begin, end) for ranges of a row's places, which a long row's are shared out over the threads.
template <typename Body>
void for_places(int64_t count, Body body) {
  ThreadPool::global().parallel_for(count, kGrain, body);
}

/// A row while it is transformed: the real parts and the imaginary ones.
struct Row {
  float* re;
  float* im;
};

/// The rows of a transform's input and output, as rows of `length` complex numbers that the plan transforms. Real
/// numbers of an even length n are n / 2 complex ones, neighbours being real and imaginary parts: half the work.
class Ends {
 public:
  Ends(const Fourier& f, const array& x, array& out) : f_(f), kernels_(fourier_kernels()) {
    const bool pairs = f.kind != FourierKind::complex && f.n % 2 == 0;
    if (pairs) halves_ = FourierHalfTurns::of(f.n / 2);
    length_ = pairs ? f.n / 2 : f.n;
    stored_ = f.n / 2 + 1;
    from_ = f.kind == FourierKind::of_real ? x.data<float>() : reinterpret_cast<const float*>(x.data<complex64_t>());
    to_ = f.kind == FourierKind::to_real ? out.data<float>() : reinterpret_cast<float*>(out.data<complex64_t>());
  }

  int64_t length() const { return length_; }
  /// Whether real and imaginary parts are exchanged before and after, which makes the inverse of the transform.
  bool inverse() const { return halves_ ? f_.kind == FourierKind::to_real : f_.inverse; }

  void begin(int64_t index, Row row, Row spare) const {
    switch (f_.kind) {
      case FourierKind::complex:
        return split(from_ + index * 2 * f_.n, length_, row);
      case FourierKind::of_real:
        if (halves_) return split(from_ + index * f_.n, length_, row);
        std::copy_n(from_ + index * f_.n, length_, row.re);
        std::fill_n(row.im, length_, 0.0f);
        return;
      case FourierKind::to_real:
        const float* from = from_ + index * 2 * stored_;
        return halves_ ? tangle(from, row, spare) : complete(from, row);
    }
  }

  void end(Row row, int64_t index) const {
    const float scale = f_.scale;
    switch (f_.kind) {
      case FourierKind::complex:
        return join(row, length_, to_ + index * 2 * f_.n);
      case FourierKind::of_real:
        return halves_ ? untangle(row, to_ + index * 2 * stored_) : join(row, stored_, to_ + index * 2 * stored_);
      case FourierKind::to_real:
        float* to = to_ + index * f_.n;
        if (halves_) return join(row, length_, to);
        std::transform(row.re, row.re + length_, to, [scale](float value) { return value * scale; });
    }
  }

 private:
  void split(const float* pairs, int64_t count, Row row) const {
    for_places(count, [&](int64_t begin, int64_t end) {
      kernels_.split(pairs + 2 * begin, end - begin, row.re + begin, row.im + begin);
    });
  }

  void join(Row row, int64_t count, float* pairs) const {
    for_places(count, [&](int64_t begin, int64_t end) {
      kernels_.join(row.re + begin, row.im + begin, end - begin, f_.scale, f_.scale, pairs + 2 * begin);
    });
  }

  void untangle(Row row, float* pairs) const {
    row.re[length_] = row.re[0];
    row.im[length_] = row.im[0];
    const float scale = 0.5f * f_.scale;
    for_places(stored_, [&](int64_t begin, int64_t end) {
      kernels_.untangle(halves_->of_row(row.re, row.im), begin, end, scale, f_.inverse ? -scale : scale, pairs);
    });
  }

  void tangle(const float* pairs, Row row, Row half) const {
    split(pairs, stored_, half);
    make_possible(half);
    for_places(length_, [&](int64_t begin, int64_t end) {
      kernels_.tangle(halves_->of_row(half.re, half.im), begin, end, row.re, row.im);
    });
  }

  /// The half that is stored of the transform of an odd number of real numbers, and the other one.
  void complete(const float* pairs, Row row) const {
    split(pairs, stored_, row);
    row.im[0] = 0;
    for (int64_t i = stored_; i < length_; ++i) {
      row.re[i] = row.re[length_ - i];
      row.im[i] = -row.im[length_ - i];
    }
  }

  /// Both ends of the transform of an even number of real numbers are real. The forward transform to real numbers is
  /// the inverse one of the conjugates.
  void make_possible(Row half) const {
    half.im[0] = 0;
    half.im[length_] = 0;
    if (!f_.inverse) std::transform(half.im, half.im + stored_, half.im, std::negate<float>());
  }

  const Fourier& f_;
  const FourierKernels& kernels_;
  std::shared_ptr<const FourierHalfTurns> halves_;
  int64_t length_;
  int64_t stored_;  ///< numbers of the half of a transform of real numbers
  const float* from_;
  float* to_;
};

void fourier(const Fourier& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const Ends ends(primitive, x, out);
  const int64_t count = static_cast<int64_t>(out.size()) / out.shape(-1);
  const auto plan = FourierPlan::of(ends.length(), count);
  const int64_t batch = std::min(count, plan->batch());
  // One more number for untangling; rows begin on cache lines.
  const int64_t row_step = (ends.length() + 1 + 15) / 16 * 16;

  const auto transform = [&](int64_t begin, int64_t end) {
    const FourierMemory memory(2 * (batch + 1) * row_step + plan->scratch_size());
    const auto row_at = [&](int64_t i) {
      return Row{memory.get() + i * row_step, memory.get() + (batch + 1 + i) * row_step};
    };
    const Row first = row_at(0);
    const Row spare = row_at(batch);
    float* scratch = memory.get() + 2 * (batch + 1) * row_step;
    for (int64_t row = begin * batch; row < std::min(end * batch, count); row += batch) {
      const int64_t rows = std::min(batch, count - row);
      for (int64_t i = 0; i < rows; ++i) ends.begin(row + i, row_at(i), spare);
      const auto [re, im] = ends.inverse() ? Row{first.im, first.re} : first;
      plan->run(re, im, rows, row_step, scratch);
      for (int64_t i = 0; i < rows; ++i) ends.end(row_at(i), row + i);
    }
  };
  const int64_t parts = (count + batch - 1) / batch;
  // Of few long rows each one is shared out.
  if (parts < ThreadPool::global().size()) return transform(0, parts);
  ThreadPool::global().parallel_for(parts, std::max<int64_t>(1, kGrain / (batch * primitive.n)), transform);
}

}  // namespace

void register_fft(Backend& backend) {
  backend.add<Fourier, fourier>();
}

}  // namespace mica::cpu
