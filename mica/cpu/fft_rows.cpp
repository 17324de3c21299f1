#include "mica/cpu/fft_rows.h"

#include <algorithm>
#include <functional>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_halves.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

/// The rows of a job's memories, to and from rows that the plan transforms.
class Ends {
 public:
  explicit Ends(const FourierJob& job) : job_(job), kernels_(fourier_kernels()) {
    if (job.of_pairs()) halves_ = FourierHalfTurns::of(job.length());
  }

  void begin(int64_t index, FourierParts row, FourierParts spare) const {
    const float* from = job_.from + index * job_.from_step();
    if (job_.kind == FourierKind::to_real) return halves_ ? tangle(from, row, spare) : complete(from, row);
    if (job_.kind == FourierKind::complex || halves_) return split(from, job_.length(), row);
    std::copy_n(from, job_.n, row.re);
    std::fill_n(row.im, job_.n, 0.0f);
  }

  void end(FourierParts row, int64_t index) const {
    float* to = job_.to + index * job_.to_step();
    if (job_.kind == FourierKind::of_real) return halves_ ? untangle(row, to) : join(row, job_.stored(), to);
    if (job_.kind == FourierKind::complex || halves_) return join(row, job_.length(), to);
    std::transform(row.re, row.re + job_.n, to, [scale = job_.scale](float value) { return value * scale; });
  }

 private:
  void split(const float* pairs, int64_t count, FourierParts row) const {
    for_places(count, kFourierGrain, [&](int64_t begin, int64_t end) {
      kernels_.split(pairs + 2 * begin, end - begin, row.re + begin, row.im + begin);
    });
  }

  void join(FourierParts row, int64_t count, float* pairs) const {
    for_places(count, kFourierGrain, [&](int64_t begin, int64_t end) {
      kernels_.join(row.re + begin, row.im + begin, end - begin, job_.scale, job_.scale, pairs + 2 * begin);
    });
  }

  void untangle(FourierParts row, float* pairs) const {
    row.re[job_.length()] = row.re[0];
    row.im[job_.length()] = row.im[0];
    const float scale = 0.5f * job_.scale;
    for_places(job_.stored(), kFourierGrain, [&](int64_t begin, int64_t end) {
      kernels_.untangle(halves_->with(row.re, row.im), begin, end, scale, job_.inverse ? -scale : scale, pairs);
    });
  }

  void tangle(const float* pairs, FourierParts row, FourierParts half) const {
    split(pairs, job_.stored(), half);
    // Both ends are real. The forward transform to real numbers is the inverse one of the conjugates.
    half.im[0] = 0;
    half.im[job_.length()] = 0;
    if (!job_.inverse) std::transform(half.im, half.im + job_.stored(), half.im, std::negate<float>());
    for_places(job_.length(), kFourierGrain, [&](int64_t begin, int64_t end) {
      kernels_.tangle(halves_->with(half.re, half.im), begin, end, row.re, row.im);
    });
  }

  /// The half of the transform of an odd number of real numbers that is kept, and the other one.
  void complete(const float* pairs, FourierParts row) const {
    split(pairs, job_.stored(), row);
    row.im[0] = 0;
    for (int64_t i = job_.stored(); i < job_.n; ++i) {
      row.re[i] = row.re[job_.n - i];
      row.im[i] = -row.im[job_.n - i];
    }
  }

  const FourierJob& job_;
  const FourierKernels& kernels_;
  std::shared_ptr<const FourierHalfTurns> halves_;
};

}  // namespace

void transform_rows(const FourierJob& job, const FourierTransform& plan) {
  const Ends ends(job);
  // One more number for untangling; rows begin on cache lines.
  const int64_t size = (job.length() + 1 + 15) / 16 * 16;
  const auto transform = [&](int64_t begin, int64_t end) {
    const Workspace<float> memory(4 * size + plan.scratch_size());
    const FourierParts row = {memory.data(), memory.data() + size};
    const FourierParts spare = {memory.data() + 2 * size, memory.data() + 3 * size};
    const auto [re, im] = job.exchanged() ? FourierParts{row.im, row.re} : row;
    for (int64_t index = begin; index < end; ++index) {
      ends.begin(index, row, spare);
      plan.run(re, im, memory.data() + 4 * size);
      ends.end(row, index);
    }
  };
  if (job.count < ThreadPool::global().size()) return transform(0, job.count);
  ThreadPool::global().parallel_for(job.count, std::max<int64_t>(1, kFourierGrain / plan.work()), transform);
}

}  // namespace mica::cpu
