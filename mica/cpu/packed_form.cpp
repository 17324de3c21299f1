#include "mica/cpu/packed_form.h"

#include <algorithm>
#include <utility>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"

namespace mica::cpu {
namespace {

int64_t slices_of(const Shape& shape) {
  return shape.size() == 3 ? shape[0] : 1;
}

/// Gives the pages of a mapped file back: their contents live on in the packed form.
void release(const array& a) {
  const auto& data = *a.data_shared_ptr();
  if (data.file) data.file->release({a.data<std::byte>(), a.nbytes()});
}

std::vector<array> arrays_of(const StoredMatrix& w) {
  std::vector<array> out = {w.codes};
  for (const auto& part : {w.scales, w.biases}) {
    if (part) out.push_back(*part);
  }
  return out;
}

PackedMatrix pack(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  return {view_of(matrix, inputs), ThreadPool::global(), slices_of(matrix.weight_shape)};
}

}  // namespace

MatrixInputs::MatrixInputs(const MatrixPrimitive& matrix, std::span<const array> inputs)
    : codes(row_contiguous(inputs[0])) {
  size_t next = 1;
  if (matrix.format.scale_type != ScaleType::none) scales = row_contiguous(inputs[next++]);
  if (matrix.format.has_biases) biases = row_contiguous(inputs[next++]);
  if (matrix.has_bias) bias = row_contiguous(inputs[next]);
}

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

PackedForm::PackedForm(const MatrixPrimitive& matrix, const MatrixInputs& inputs, PackedMatrix packed)
    : format_(matrix.format),
      shape_(matrix.weight_shape),
      codes_(inputs.codes),
      scales_(inputs.scales),
      biases_(inputs.biases),
      packed_(std::move(packed)) {
  for (const auto& part : {inputs.scales, inputs.biases}) {
    if (part) held_.push_back(part->data_shared_ptr());
  }
}

bool PackedForm::is_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs) const {
  return format_ == matrix.format && shape_ == matrix.weight_shape && codes_ == Part(inputs.codes) &&
         scales_ == Part(inputs.scales) && biases_ == Part(inputs.biases);
}

const RowScreen& PackedForm::screen() const {
  std::call_once(screen_once_, [&] { screen_ = std::make_unique<RowScreen>(packed_, ThreadPool::global()); });
  return *screen_;
}

std::shared_ptr<const PackedForm> packed_form(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  array::Derived& derived = inputs.codes.data_shared_ptr()->derived;
  const std::lock_guard lock(derived.mutex);
  auto form = std::static_pointer_cast<PackedForm>(derived.value);
  if (form && form->is_of(matrix, inputs)) return form;
  form = std::make_shared<PackedForm>(matrix, inputs, pack(matrix, inputs));
  derived.value = form;
  release(inputs.codes);
  if (inputs.scales) release(*inputs.scales);
  if (inputs.biases) release(*inputs.biases);
  return form;
}

bool has_panels_to_keep(const StoredMatrix& w) {
  return std::ranges::all_of(arrays_of(w), &array::is_available);
}

size_t panel_bytes(const StoredMatrix& w) {
  const int64_t slices = slices_of(w.shape);
  return PackedMatrix::bytes_of(w.format, slices * w.rows(), w.cols(), slices);
}

void write_panels(const StoredMatrix& w, std::span<std::byte> out) {
  const MatrixPrimitive matrix = {w.format, w.shape};
  pack(matrix, MatrixInputs(matrix, arrays_of(w))).for_panels([&](std::span<const uint8_t> panels) {
    std::ranges::copy(std::as_bytes(panels), out.begin());
    out = out.subspan(panels.size());
  });
}

void adopt_panels(const StoredMatrix& w, std::span<const std::byte> panels, const std::shared_ptr<const void>& owner) {
  if (panels.size() != panel_bytes(w)) fail("panels of {} bytes instead of {}", panels.size(), panel_bytes(w));
  if (ThreadPool::global().nodes().size() > 1) return;
  const MatrixPrimitive matrix = {w.format, w.shape};
  const MatrixInputs inputs(matrix, arrays_of(w));
  const int64_t slices = slices_of(w.shape);
  const std::shared_ptr<const uint8_t> data(owner, reinterpret_cast<const uint8_t*>(panels.data()));
  array::Derived& derived = inputs.codes.data_shared_ptr()->derived;
  const std::lock_guard lock(derived.mutex);
  derived.value = std::make_shared<PackedForm>(
      matrix, inputs,
      PackedMatrix(w.format, slices * w.rows(), w.cols(), view_of(matrix, inputs).factor, slices, data));
}

}  // namespace mica::cpu
