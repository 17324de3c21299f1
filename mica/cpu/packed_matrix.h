#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/base/read_ahead.h"
#include "mica/base/small_vector.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/activations.h"
#include "mica/cpu/kernel_level.h"
#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/panel_order.h"
#include "mica/cpu/panel_packing.h"
#include "mica/cpu/quantized_matrix.h"
#include "mica/ops/elementwise_ops.h"

namespace mica::cpu {

/// A weight matrix in the layout that the product kernels stream: panels of 16 output rows interleaved, columns in
/// quads of 4 (one vpdpbusd operand), codes at their bit width, scales beside the codes they belong to; about the size
/// of the original (at most 4 % more, for whole panels). The layout is the same for every instruction set.
///
/// Made from a view of stored bytes, which is not needed afterwards. A stack of matrices (experts [E, N, K]) is one
/// matrix of E · N rows in E slices: panels never straddle slices.
///
/// On several memory nodes each has a part of the panels of every slice, in proportion to the threads that the pool has
/// there, which pack them: so they lie on that node, on pages of its own.
class PackedMatrix {
 public:
  PackedMatrix() = default;

  /// Packs in parallel. Errors: shape that the format does not allow, rows not a multiple of `slices`. Tests see with a
  /// `pack` of theirs which thread packs what.
  PackedMatrix(const QuantizedMatrix& source, ThreadPool& pool, int64_t slices = 1, PackPanel pack = pack_panel);

  /// A matrix of that many slices whose panels write(slice, panel, where) makes, in parallel. Errors: as above.
  PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, ThreadPool& pool, int64_t slices,
               FunctionRef<void(int64_t slice, int64_t panel, uint8_t* out)> write);

  /// A matrix whose panels are there already, as for_panels() gave them and on one memory node: `panels` are its
  /// bytes(). Errors: as above.
  PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, int64_t slices,
               std::shared_ptr<const uint8_t> panels);

  /// bytes() of such a matrix. Errors: as above.
  static size_t bytes_of(const QuantFormat& format, int64_t rows, int64_t cols, int64_t slices);

  const QuantFormat& format() const { return format_; }
  int64_t rows() const { return rows_; }  ///< of all slices
  int64_t cols() const { return cols_; }
  int64_t slices() const { return slices_; }
  int64_t slice_rows() const { return slices_ ? rows_ / slices_ : 0; }
  size_t bytes() const { return bytes_; }

  /// Rows back in f32, out [rows.size(), cols], equal to those of the source: the embedding lookup of a tied head
  /// whose source bytes are gone.
  void dequantize_rows(std::span<const int64_t> rows, float* out) const;

  /// Calls write(bytes) for the panels of the first slice, from its first rows to its last, then for those of the next.
  void for_panels(FunctionRef<void(std::span<const uint8_t>)> write) const;

  /// For the kernels: the layout, the parts on the memory nodes, and the start of a panel (16 rows) of a slice. Behind
  /// it come the others of its part.
  const PanelLayout& layout() const { return layout_; }
  std::span<const NodePanels> parts() const { return {parts_.data(), parts_.size()}; }
  const uint8_t* panel(int64_t slice, int64_t index) const {
    size_t node = 0;
    while (index >= parts_[node].range.first + parts_[node].range.count) ++node;
    const auto& [range, data] = parts_[node];
    return data + (slice * range.count + index - range.first) * layout_.panel_bytes();
  }
  int64_t panels_per_slice() const { return (slice_rows() + kPanelRows - 1) / kPanelRows; }
  float factor() const { return factor_; }

 private:
  PackedMatrix(const QuantFormat& format, int64_t rows, int64_t cols, float factor, int64_t slices);

  QuantFormat format_;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t slices_ = 0;
  float factor_ = 1.0f;
  PanelLayout layout_;
  size_t bytes_ = 0;
  SmallVector<NodePanels, 1> parts_;  // with nothing more to follow for the one that most machines have
  std::vector<std::shared_ptr<const uint8_t>> memory_;
};

/// Options of a product.
struct MatmulOptions {
  Activation activation = Activation::int8;
  const float* bias = nullptr;  ///< [rows of a slice], added to every output row
  KernelLevel level = {};       ///< others than the processor's are for tests
};

/// y = x · Wᵀ (+ bias): y[i, n] at y + i · y_stride + n for the rows i of x and the rows n of one slice of W.
/// One row streams the weights at memory bandwidth; 2 to 12 rows stream them once; more rows run blocked, on a matrix
/// unit from 16 rows on and then in bf16 from a few dozens on (both activations and weights are rounded to it).
/// std::invalid_argument when x.cols() ≠ W.cols() or the slice is out of range.
void matmul(const PackedMatrix& weights, Activations& x, float* y, int64_t y_stride, ThreadPool& pool,
            const MatmulOptions& options = {}, int64_t slice = 0);

/// One of several products of the same activations: y = x · Wᵀ + bias for the rows of one slice of W, or with a
/// residual y = residual + scale · (x · Wᵀ + bias).
struct Product {
  const PackedMatrix* weights = nullptr;
  float* y = nullptr;
  int64_t y_stride = 0;
  const float* bias = nullptr;      ///< [rows of a slice] or null
  const float* residual = nullptr;  ///< laid out like y, elsewhere in memory, or null
  float scale = 1.0f;
  int64_t slice = 0;
};

/// The products in one parallel loop; errors as above. `next`: what a later loop reads.
void matmul(std::span<const Product> products, Activations& x, ThreadPool& pool,
            Activation activation = Activation::int8, const KernelLevel& level = {}, const LoopReads* next = nullptr);

/// y = gate(a) · b for the products a and b of two weights of one shape; their y is ignored, that of `out` and its
/// residual count.
void gated_matmul(const Product& a, const Product& b, const Product& out, UnaryOp gate, Activations& x,
                  ThreadPool& pool, Activation activation = Activation::int8, const KernelLevel& level = {},
                  const LoopReads* next = nullptr);

/// What the loop of matmul reads of the weights when it passes over them once; `gated`: that of gated_matmul.
LoopReads loop_reads(std::span<const Product> products, bool gated);

/// Mixture of experts in one parallel loop: group g of x (see Activations::gather) times slice slices[g]; y has the
/// rows in the order of the gathered rows. options.bias is [slices, slice rows] here.
void grouped_matmul(const PackedMatrix& weights, Activations& x, std::span<const int32_t> slices, float* y,
                    int64_t y_stride, ThreadPool& pool, const MatmulOptions& options = {});

}  // namespace mica::cpu
