#include "mica/ops/quantized.h"

#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/quantize.h"
#include "mica/cpu/quantized_matrix.h"
#include "mica/cpu/register.h"
#include "mica/cpu/small_float.h"

namespace mica::cpu {
namespace {

/// Rows that a thread takes at least: some thousand values.
int64_t row_grain(int64_t cols) {
  return std::max<int64_t>(1, 8192 / std::max<int64_t>(cols, 1));
}

float global_scale_of(std::span<array> inputs) {
  return inputs.size() > 1 ? *inputs[1].data<float>() : 0.0f;
}

void quantize(const Quantize& primitive, std::span<array> inputs, std::span<array> outputs) {
  for (array& out : outputs) allocate(out);
  const array w = row_contiguous(inputs[0]);
  const int64_t cols = w.shape(1);
  const float global_scale = global_scale_of(inputs);
  const auto row_of = [](array& a, int64_t row) {
    return a.data<std::byte>() + row * a.shape(1) * static_cast<int64_t>(a.itemsize());
  };
  dispatch(w.dtype(), [&]<typename T>(T) {
    ThreadPool::global().parallel_for(w.shape(0), row_grain(cols), [&](int64_t begin, int64_t end) {
      std::vector<float> values(static_cast<size_t>(cols));
      for (int64_t row = begin; row < end; ++row) {
        const T* from = w.data<T>() + row * cols;
        for (int64_t i = 0; i < cols; ++i) values[static_cast<size_t>(i)] = element_cast<float>(from[i]);
        quantize_row(
            primitive.format, values.data(), cols,
            {row_of(outputs[0], row), row_of(outputs[1], row), outputs.size() > 2 ? row_of(outputs[2], row) : nullptr},
            global_scale);
      }
    });
  });
}

void round_to_format(const RoundToFormat& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const QuantFormat& format = primitive.format;
  const int64_t cols = x.shape(-1);
  const float global_scale = global_scale_of(inputs);
  const int64_t scales_bytes = format.scales_per_row(cols) * scale_bytes(format.scale_type);
  ThreadPool::global().parallel_for(
      static_cast<int64_t>(x.size()) / cols, row_grain(cols), [&](int64_t begin, int64_t end) {
        std::vector<std::byte> codes(static_cast<size_t>(format.row_bytes(cols)));
        std::vector<std::byte> scales(static_cast<size_t>(scales_bytes));
        std::vector<std::byte> biases(format.has_biases ? scales.size() : 0);
        const QuantizedMatrix matrix = {format, 1, cols, codes.data(), scales.data(), biases.data()};
        for (int64_t row = begin; row < end; ++row) {
          quantize_row(format, x.data<float>() + row * cols, cols, {codes.data(), scales.data(), biases.data()},
                       global_scale);
          float* to = out.data<float>() + row * cols;
          dequantize_row(matrix, 0, to);
          if (global_scale == 0.0f) continue;
          for (int64_t i = 0; i < cols; ++i) to[i] *= global_scale / (448.0f * 6.0f);
        }
      });
}

/// Calls body(i) for all elements, several thousand a thread.
template <typename Body>
void for_elements(size_t count, Body body) {
  ThreadPool::global().parallel_for(static_cast<int64_t>(count), 8192, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

void to_fp8(const ToFp8&, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  const array x = row_contiguous(inputs[0]);
  uint8_t* to = outputs[0].data<uint8_t>();
  dispatch(x.dtype(), [&]<typename T>(T) {
    const T* from = x.data<T>();
    for_elements(x.size(), [&](int64_t i) { to[i] = float_to_e4m3(element_cast<float>(from[i])); });
  });
}

void from_fp8(const FromFp8&, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  const array x = row_contiguous(inputs[0]);
  const uint8_t* from = x.data<uint8_t>();
  dispatch(outputs[0].dtype(), [&]<typename T>(T) {
    T* to = outputs[0].data<T>();
    for_elements(x.size(), [&](int64_t i) { to[i] = element_cast<T>(e4m3_to_float(from[i])); });
  });
}

}  // namespace

void register_quantized(Backend& backend) {
  backend.add<Quantize, quantize>();
  backend.add<RoundToFormat, round_to_format>();
  backend.add<ToFp8, to_fp8>();
  backend.add<FromFp8, from_fp8>();
}

}  // namespace mica::cpu
