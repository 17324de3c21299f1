#include "mica/cpu/packed_matrix.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/checked.h"
#include "mica/base/error.h"
#include "mica/cpu/panel_packing.h"
#include "mica/cpu/weight_memory.h"

namespace mica::cpu {
namespace {

constexpr int64_t kLongestRow = int64_t{1} << 24;

void check(const QuantizedMatrix& source, int64_t slices) {
  if (source.rows < 0 || source.cols < 0 || source.cols > kLongestRow) {
    fail("weights of {} rows and {} columns", source.rows, source.cols);
  }
  source.format.row_bytes(source.cols);
  if (slices < 1 || source.rows % slices != 0) fail("{} rows of weights in {} slices", source.rows, slices);
}

}  // namespace

PackedMatrix::PackedMatrix(const QuantizedMatrix& source, ThreadPool& pool, int64_t slices)
    : format_(source.format), rows_(source.rows), cols_(source.cols), slices_(slices), factor_(source.factor) {
  check(source, slices);
  layout_ = panel_layout(format_, cols_);
  const int64_t per_slice = panels_per_slice();
  if (per_slice == 0) return;
  const int64_t panels = per_slice * slices;
  const auto bytes = checked_mul<int64_t>(panels, layout_.panel_bytes());
  if (!bytes) fail("{} × {} weights do not fit in memory", rows_, cols_);
  if (*bytes == 0) return;
  bytes_ = static_cast<size_t>(*bytes);
  data_ = allocate_weights(bytes_);
  pool.parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % per_slice * kPanelRows;
      const int64_t count = std::min<int64_t>(kPanelRows, slice_rows() - row);
      pack_panel(source, layout_, i / per_slice * slice_rows() + row, count, data_.get() + i * layout_.panel_bytes());
    }
  });
}

void PackedMatrix::dequantize_rows(std::span<const int64_t> rows, float* out) const {
  const int64_t height = slice_rows();
  for (const int64_t row : rows) {
    if (row < 0 || row >= rows_ || height == 0)
      fail_as<std::out_of_range>("row {} of a weight matrix with {} rows", row, rows_);
    const int64_t in_slice = row % height;
    const int64_t index = row / height * panels_per_slice() + in_slice / kPanelRows;
    unpack_panel_row(format_, layout_, panel(index), static_cast<int>(in_slice % kPanelRows), cols_, factor_, out);
    out += cols_;
  }
}

}  // namespace mica::cpu
