#include "mica/ops/fft.h"

#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_plan.h"
#include "mica/cpu/fft_rows.h"
#include "mica/cpu/fft_tiles.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

const float* numbers_of(const array& x) {
  return x.dtype() == float32 ? x.data<float>() : reinterpret_cast<const float*>(x.data<complex64_t>());
}
float* numbers_of(array& x) {
  return x.dtype() == float32 ? x.data<float>() : reinterpret_cast<float*>(x.data<complex64_t>());
}

void fourier(const Fourier& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const FourierJob job = {.kind = primitive.kind,
                          .n = primitive.n,
                          .inverse = primitive.inverse,
                          .scale = primitive.scale,
                          .from = numbers_of(x),
                          .to = numbers_of(out),
                          .count = static_cast<int64_t>(out.size()) / out.shape(-1)};
  const auto plan = fourier_plan(job.length(), job.count);
  plan->columns() == 1 ? transform_rows(job, *plan) : transform_tiles(job, *plan);
}

}  // namespace

void register_fft(Backend& backend) {
  backend.add<Fourier, fourier>();
}

}  // namespace mica::cpu
