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

void check(const QuantFormat& format, int64_t rows, int64_t cols, int64_t slices) {
  if (rows < 0 || cols < 0 || cols > kLongestRow) fail("weights of {} rows and {} columns", rows, cols);
  format.row_bytes(cols);
  if (slices < 1 || rows % slices != 0) fail("{} rows of weights in {} slices", rows, slices);
}

}  // namespace

PackedMatrix::PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, int64_t slices)
    : format_(format), rows_(rows), cols_(cols), slices_(slices), factor_(factor) {
  check(format, rows, cols, slices);
  layout_ = panel_layout(format_, cols_);
  const auto bytes = checked_mul<int64_t>(panels_per_slice() * slices, layout_.panel_bytes());
  if (!bytes) fail("{} × {} weights do not fit in memory", rows_, cols_);
  bytes_ = static_cast<size_t>(*bytes);
}

PackedMatrix::PackedMatrix(const QuantizedMatrix& source, ThreadPool& pool, int64_t slices, PackPanel pack)
    : PackedMatrix(source.format, source.rows, source.cols, source.factor, pool, slices,
                   [&](int64_t slice, int64_t panel, uint8_t* out) {
                     const int64_t row = panel * kPanelRows;
                     const int64_t count = std::min<int64_t>(kPanelRows, slice_rows() - row);
                     pack(source, layout_, slice * slice_rows() + row, count, out);
                   }) {}

PackedMatrix::PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, ThreadPool& pool,
                           int64_t slices, FunctionRef<void(int64_t slice, int64_t panel, uint8_t* out)> write)
    : PackedMatrix(format, rows, cols, factor, slices) {
  const int64_t per_slice = panels_per_slice();
  if (per_slice == 0) return;
  int64_t first = 0;
  for (const int64_t end : pool.node_ends(per_slice)) {
    const int node = pool.nodes()[parts_.size()].id;
    const auto size = static_cast<size_t>(slices * (end - first) * layout_.panel_bytes());
    memory_.push_back(size > 0 ? allocate_weights(size, node) : nullptr);
    parts_.push_back({{first, end - first}, memory_.back().get()});
    first = end;
  }
  if (bytes_ == 0) return;
  const PanelOrder order({parts()}, slices);
  pool.parallel_for(order.node_ends(), ThreadPool::Home::required, [&](int64_t begin, int64_t end) {
    order.visit(begin, end, [&](int64_t slice, size_t, PanelRange panels) {
      for (int64_t i = panels.first; i < panels.first + panels.count; ++i) {
        write(slice, i, const_cast<uint8_t*>(panel(slice, i)));  // nobody else has seen this memory yet
      }
    });
  });
}

PackedMatrix::PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, int64_t slices,
                           std::shared_ptr<const uint8_t> panels)
    : PackedMatrix(format, rows, cols, factor, slices) {
  if (panels_per_slice() == 0) return;
  parts_.push_back({{0, panels_per_slice()}, panels.get()});
  memory_.push_back(std::move(panels));
}

size_t PackedMatrix::bytes_of(const QuantFormat& format, int64_t rows, int64_t cols, int64_t slices) {
  return PackedMatrix(format, rows, cols, 1.0f, slices).bytes();
}

void PackedMatrix::for_panels(FunctionRef<void(std::span<const uint8_t>)> write) const {
  for (int64_t slice = 0; slice < slices_; ++slice) {
    for (const auto& [range, data] : parts_) {
      const auto size = static_cast<size_t>(range.count * layout_.panel_bytes());
      if (size > 0) write({data + static_cast<size_t>(slice) * size, size});
    }
  }
}

void PackedMatrix::dequantize_rows(std::span<const int64_t> rows, float* out) const {
  const int64_t height = slice_rows();
  for (const int64_t row : rows) {
    if (row < 0 || row >= rows_ || height == 0)
      fail_as<std::out_of_range>("row {} of a weight matrix with {} rows", row, rows_);
    const int64_t in_slice = row % height;
    const uint8_t* from = panel(row / height, in_slice / kPanelRows);
    unpack_panel_row(format_, layout_, from, static_cast<int>(in_slice % kPanelRows), cols_, factor_, out);
    out += cols_;
  }
}

}  // namespace mica::cpu
