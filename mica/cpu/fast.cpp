#include "mica/ops/fast.h"

#include <algorithm>
#include <cstring>

#include "mica/base/thread_pool.h"
#include "mica/cpu/attention.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/rotate.h"
#include "mica/cpu/strided.h"

namespace mica::cpu {
namespace {

/// Rows worth a thread of their own.
int64_t row_grain(int64_t count) {
  return std::max<int64_t>(1, 8192 / std::max<int64_t>(count, 1));
}

/// Calls norm(x, out) for every row as float32, converting rows of other types on the way.
template <typename Norm>
void for_rows(array& source, array& out, Norm norm) {
  source = row_contiguous(source);
  array& x = source;
  donate_or_allocate(x, out);
  const int64_t count = x.shape(-1);
  if (x.size() == 0) return;
  const bool plain = x.dtype() == float32;
  ThreadPool::global().parallel_for(
      static_cast<int64_t>(x.size()) / count, row_grain(count), [&](int64_t begin, int64_t end) {
        std::vector<float> row(plain ? 0 : static_cast<size_t>(count));
        for (int64_t i = begin; i < end; ++i) {
          if (plain) {
            norm(x.data<float>() + i * count, out.data<float>() + i * count, count);
            continue;
          }
          dispatch(x.dtype(), [&]<typename T>(T) {
            if constexpr (!std::is_same_v<T, complex64_t>) {
              for (int64_t j = 0; j < count; ++j)
                row[static_cast<size_t>(j)] = static_cast<float>(x.data<T>()[i * count + j]);
              norm(row.data(), row.data(), count);
              for (int64_t j = 0; j < count; ++j)
                out.data<T>()[i * count + j] = static_cast<T>(row[static_cast<size_t>(j)]);
            }
          });
        }
      });
}

void rms_norm(const RmsNorm& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array weight = row_contiguous(inputs.back());
  const float* w = inputs.size() > 1 ? weight.data<float>() : nullptr;
  for_rows(inputs[0], outputs[0],
           [&](const float* x, float* out, int64_t count) { row_kernels().rms_norm(x, w, primitive.eps, out, count); });
}

void layer_norm(const LayerNorm& primitive, std::span<array> inputs, std::span<array> outputs) {
  std::vector<array> vectors;
  for (size_t i = 1; i < inputs.size(); ++i) vectors.push_back(row_contiguous(inputs[i]));
  const float* w = primitive.has_weight ? vectors[0].data<float>() : nullptr;
  const float* b = primitive.has_bias ? vectors.back().data<float>() : nullptr;
  for_rows(inputs[0], outputs[0], [&](const float* x, float* out, int64_t count) {
    row_kernels().layer_norm(x, w, b, primitive.eps, out, count);
  });
}

void rotate(const Rotate& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  const array cosine = row_contiguous(inputs[1]);
  const array sine = row_contiguous(inputs[2]);
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const int64_t width = x.shape(-1);
  const int64_t length = x.shape(-2);
  const int64_t half = cosine.shape(-1);
  const int64_t rows = static_cast<int64_t>(x.size()) / width;
  // Rows of one entry of the first axis, for angles that differ between them.
  const int64_t batch_rows = cosine.ndim() == 3 ? rows / x.shape(0) : rows;
  const bool plain = x.dtype() == float32 && x.strides(-1) == 1;
  // The innermost loop must run over whole rows: look at all axes but the last.
  const StridedLoop<1> loop(Shape(x.shape().begin(), x.shape().end() - 1),
                            {Strides(x.strides().begin(), x.strides().end() - 1)});
  ThreadPool::global().parallel_for(rows, row_grain(width), [&](int64_t begin, int64_t end) {
    std::vector<float> buffer(static_cast<size_t>(2 * width));
    loop.run(begin, end, [&](const std::array<int64_t, 1>& offsets, int64_t count, int64_t position) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t row = position + i;
        const int64_t at = offsets[0] + i * loop.strides[0].back();
        const int64_t angle = (row / batch_rows * length + row % length) * half;
        const float* c = cosine.data<float>() + (cosine.ndim() == 3 ? angle : row % length * half);
        const float* s = sine.data<float>() + (cosine.ndim() == 3 ? angle : row % length * half);
        const float* from = x.data<float>() + at;
        float* to = plain ? out.data<float>() + row * width : buffer.data() + width;
        if (!plain) {
          dispatch(x.dtype(), [&]<typename T>(T) {
            if constexpr (!std::is_same_v<T, complex64_t>) {
              for (int64_t j = 0; j < width; ++j) {
                buffer[static_cast<size_t>(j)] = static_cast<float>(x.data<T>()[at + j * x.strides(-1)]);
              }
            }
          });
          from = buffer.data();
        }
        rotate_row(from, c, s, to, half, width, primitive.traditional);
        if (!plain) {
          dispatch(out.dtype(), [&]<typename T>(T) {
            if constexpr (!std::is_same_v<T, complex64_t>) {
              for (int64_t j = 0; j < width; ++j) out.data<T>()[row * width + j] = static_cast<T>(to[j]);
            }
          });
        }
      }
    });
  });
}

/// The array as attention reads it: its last axis contiguous.
array with_contiguous_rows(const array& a) {
  return a.strides(-1) == 1 || a.shape(-1) == 1 ? a : row_contiguous(a);
}

template <typename T, typename Array>
AttentionView<T> view_of(Array& a) {
  return {a.template data<std::remove_const_t<T>>(), a.strides(0), a.strides(1), a.strides(2)};
}

void attend_kernel(const Attention& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array q = with_contiguous_rows(inputs[0]);
  const array k = with_contiguous_rows(inputs[1]);
  const array v = with_contiguous_rows(inputs[2]);
  array& out = outputs[0];
  // Heads lie next to each other in memory, [B, L, H, D]: what follows joins them again, without a copy this way.
  const Shape joined = {out.shape(0), out.shape(2), out.shape(1), out.shape(3)};
  array memory(allocator::malloc(out.nbytes()), joined, float32);
  const Strides base = row_contiguous_strides(joined);
  Strides strides = {base[0], base[2], base[1], base[3]};
  const auto [flags, data_size] = layout_of(out.shape(), strides);
  out.share_buffer(memory, strides, flags, data_size);
  if (out.size() == 0) return;

  AttentionArgs args;
  args.batch = q.shape(0);
  args.heads = q.shape(1);
  args.kv_heads = k.shape(1);
  args.queries = q.shape(2);
  args.keys = k.shape(2);
  args.dim = q.shape(3);
  args.value_dim = v.shape(3);
  args.q = view_of<const float>(q);
  args.k = {k.data<std::byte>(), k.strides(0), k.strides(1), k.strides(2)};
  args.v = {v.data<std::byte>(), v.strides(0), v.strides(1), v.strides(2)};
  args.out = view_of<float>(out);
  args.kv_type = kv_type(k.dtype());
  args.scale = primitive.options.scale;
  args.softcap = primitive.options.softcap;
  args.causal = primitive.options.causal;
  args.window = primitive.options.window;
  size_t next = 3;
  if (primitive.has_mask) {
    const array& mask = inputs[next++];
    if (mask.dtype() == bool_) {
      args.bool_mask = mask.data<bool>();
    } else {
      args.additive_mask = mask.data<float>();
    }
    std::copy_n(mask.strides().begin(), 4, args.mask_strides);
  }
  const array offsets = primitive.has_offsets ? row_contiguous(inputs[next++]) : array(0);
  if (primitive.has_offsets) args.offsets = offsets.data<int32_t>();
  const array sinks = primitive.has_sinks ? row_contiguous(inputs[next]) : array(0.0f);
  if (primitive.has_sinks) args.sinks = sinks.data<float>();
  attention(args, ThreadPool::global());
}

}  // namespace

void register_fast(Backend& backend) {
  backend.add<RmsNorm, rms_norm>();
  backend.add<LayerNorm, layer_norm>();
  backend.add<Rotate, rotate>();
  backend.add<Attention, attend_kernel>();
}

}  // namespace mica::cpu
