#include "mica/ops/linear.h"

#include <numeric>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/activations.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/packed_matrix.h"
#include "mica/cpu/quantized_matrix.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// What the inputs behind the operands are.
struct MatrixInputs {
  array codes;
  std::optional<array> scales;
  std::optional<array> biases;
  std::optional<array> bias;

  MatrixInputs(const MatrixPrimitive& matrix, std::span<array> inputs, size_t operands)
      : codes(row_contiguous(inputs[operands])) {
    size_t next = operands + 1;
    if (matrix.format.scale_type != ScaleType::none) scales = row_contiguous(inputs[next++]);
    if (matrix.format.has_biases) biases = row_contiguous(inputs[next++]);
    if (matrix.has_bias) bias = row_contiguous(inputs[next]);
  }
};

QuantizedMatrix view_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  const int64_t cols = matrix.weight_shape.back();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < matrix.weight_shape.size(); ++i) rows *= matrix.weight_shape[i];
  return {matrix.format,
          rows,
          cols,
          inputs.codes.data<std::byte>(),
          inputs.scales ? inputs.scales->data<std::byte>() : nullptr,
          inputs.biases ? inputs.biases->data<std::byte>() : nullptr};
}

/// Gives the pages of a mapped file back: their contents live on in the packed form.
void release(const array& a) {
  const auto& data = *a.data_shared_ptr();
  if (data.file) data.file->release({a.data<std::byte>(), a.nbytes()});
}

/// Identifies the contents of an array as long as this exists: their memory is not donated meanwhile.
struct Contents {
  std::shared_ptr<array::Data> data;
  int64_t offset = 0;

  Contents() = default;
  explicit Contents(const std::optional<array>& a) {
    if (!a) return;
    data = a->data_shared_ptr();
    offset = a->offset();
  }
  bool operator==(const Contents&) const = default;
};

/// The packed form of a weight and what it was made of.
struct PackedWeight {
  PackedMatrix matrix;
  int64_t codes_offset;
  Contents scales;
  Contents biases;
  QuantFormat format;
  Shape shape;

  PackedWeight(const MatrixPrimitive& primitive, const MatrixInputs& inputs)
      : matrix(view_of(primitive, inputs), ThreadPool::global(),
               primitive.weight_shape.size() == 3 ? primitive.weight_shape[0] : 1),
        codes_offset(inputs.codes.offset()),
        scales(inputs.scales),
        biases(inputs.biases),
        format(primitive.format),
        shape(primitive.weight_shape) {}

  bool is_of(const MatrixPrimitive& primitive, const MatrixInputs& inputs) const {
    return codes_offset == inputs.codes.offset() && format == primitive.format && shape == primitive.weight_shape &&
           scales == Contents(inputs.scales) && biases == Contents(inputs.biases);
  }
};

/// What this file derives from data: one memory may be both a weight and an operand.
struct DerivedForms {
  std::shared_ptr<const PackedWeight> weight;
  std::shared_ptr<Activations> activations;
};

/// The forms derived from the data; its mutex is held.
DerivedForms& forms_of(array::Derived& derived) {
  if (!derived.value) derived.value = std::make_shared<DerivedForms>();
  return *static_cast<DerivedForms*>(derived.value.get());
}

/// The packed form of a weight, made on first use and kept as long as the codes are, or until they are used with other
/// scales.
std::shared_ptr<const PackedWeight> packed(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  array::Derived& derived = inputs.codes.data_shared_ptr()->derived;
  const std::lock_guard lock(derived.mutex);
  auto& weight = forms_of(derived).weight;
  if (!weight || !weight->is_of(matrix, inputs)) {
    weight = std::make_shared<const PackedWeight>(matrix, inputs);
    release(inputs.codes);
    if (inputs.scales) release(*inputs.scales);
    if (inputs.biases) release(*inputs.biases);
  }
  return weight;
}

/// The rows of x with the copies that products make of them, shared by all products of the same x (q, k and v; gate
/// and up) and dropped with its memory.
std::shared_ptr<Activations> activations_of(const array& x, int64_t rows, int64_t cols) {
  array::Derived& derived = x.data_shared_ptr()->derived;
  const std::lock_guard lock(derived.mutex);
  auto& activations = forms_of(derived).activations;
  if (!activations || activations->count() != rows || activations->cols() != cols) {
    activations = std::make_shared<Activations>();
    activations->assign(x.data<float>(), rows, cols, cols);
  }
  return activations;
}

MatmulOptions options_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  MatmulOptions options;
  options.activation = matrix.activation;
  options.bias = inputs.bias ? inputs.bias->data<float>() : nullptr;
  return options;
}

void linear(const Linear& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs, 1);
  const array x = row_contiguous(inputs[0]);
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const int64_t cols = primitive.matrix.weight_shape[1];
  const int64_t rows = static_cast<int64_t>(x.size()) / cols;
  // A view into a larger array cannot keep the copies: they would be taken for the whole array's.
  const bool whole = x.offset() == 0 && x.data_shared_ptr()->is_owned() && x.data_size() == x.size();
  std::shared_ptr<Activations> activations;
  if (whole) {
    activations = activations_of(x, rows, cols);
  } else {
    activations = std::make_shared<Activations>();
    activations->assign(x.data<float>(), rows, cols, cols);
  }
  matmul(packed(primitive.matrix, stored)->matrix, *activations, out.data<float>(), out.shape(-1), ThreadPool::global(),
         options_of(primitive.matrix, stored));
}

/// Assignments of tokens to experts, sorted by expert.
struct Routing {
  std::vector<int32_t> rows;     ///< of x, for each assignment
  std::vector<int32_t> places;   ///< (token, j) number of each assignment
  std::vector<int32_t> ends;     ///< of the groups
  std::vector<int32_t> experts;  ///< of the groups
};

Routing route(const array& indices, int64_t experts, bool one_row_per_token) {
  const int32_t* index = indices.data<int32_t>();
  const auto count = static_cast<int32_t>(indices.size());
  const auto per_token = static_cast<int32_t>(indices.shape(1));
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return index[a] < index[b]; });
  Routing out;
  for (const int32_t place : order) {
    const int32_t expert = index[place];
    if (expert < 0 || expert >= experts) {
      fail_as<std::out_of_range>("[expert_linear] there is no expert {} of {}", expert, experts);
    }
    if (out.experts.empty() || out.experts.back() != expert) {
      out.experts.push_back(expert);
      out.ends.push_back(0);
    }
    out.rows.push_back(one_row_per_token ? place / per_token : place);
    out.places.push_back(place);
    out.ends.back() = static_cast<int32_t>(out.rows.size());
  }
  return out;
}

void expert_linear(const ExpertLinear& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs, 2);
  const array x = row_contiguous(inputs[0]);
  const array indices = row_contiguous(inputs[1]);
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const Routing routing = route(indices, primitive.matrix.weight_shape[0], x.shape(1) == 1);
  const int64_t cols = x.shape(2);
  const int64_t width = out.shape(2);
  Activations gathered;
  gathered.gather(x.data<float>(), cols, cols, routing.rows, routing.ends);
  std::vector<float> sorted(out.size());
  grouped_matmul(packed(primitive.matrix, stored)->matrix, gathered, routing.experts, sorted.data(), width,
                 ThreadPool::global(), options_of(primitive.matrix, stored));
  for (size_t i = 0; i < routing.places.size(); ++i) {
    std::copy_n(sorted.data() + static_cast<int64_t>(i) * width, width, out.data<float>() + routing.places[i] * width);
  }
}

void take_rows(const TakeRows& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs, 1);
  const array indices = row_contiguous(inputs[0]);
  array& out = outputs[0];
  allocate(out);
  const int64_t rows = primitive.matrix.weight_shape[0];
  std::vector<int64_t> wanted(indices.data<int64_t>(), indices.data<int64_t>() + indices.size());
  for (int64_t& row : wanted) {
    const int64_t given = row;
    if (row < 0) row += rows;
    if (row < 0 || row >= rows) fail_as<std::out_of_range>("[take_rows] there is no row {} of {}", given, rows);
  }
  dequantize_rows(view_of(primitive.matrix, stored), wanted, out.data<float>());
}

void dequantize(const Dequantize& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs, 0);
  array& out = outputs[0];
  allocate(out);
  const QuantizedMatrix matrix = view_of(primitive.matrix, stored);
  ThreadPool::global().parallel_for(matrix.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) dequantize_row(matrix, row, out.data<float>() + row * matrix.cols);
  });
}

}  // namespace

void register_linear(Backend& backend) {
  backend.add<Linear, linear>();
  backend.add<ExpertLinear, expert_linear>();
  backend.add<TakeRows, take_rows>();
  backend.add<Dequantize, dequantize>();
}

}  // namespace mica::cpu
