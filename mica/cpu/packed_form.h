#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "mica/array/array.h"
#include "mica/cpu/packed_matrix.h"
#include "mica/cpu/quantized_matrix.h"
#include "mica/cpu/row_screen.h"
#include "mica/ops/linear.h"

namespace mica::cpu {

/// The arrays that stand for a matrix among a primitive's inputs.
struct MatrixInputs {
  array codes;
  std::optional<array> scales;
  std::optional<array> biases;
  std::optional<array> bias;

  /// The first of `inputs` are the matrix's.
  MatrixInputs(const MatrixPrimitive& matrix, std::span<const array> inputs);
};

QuantizedMatrix view_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs);

/// A part of some memory, without keeping the memory.
struct Part {
  std::weak_ptr<array::Data> data;
  int64_t offset = 0;

  Part() = default;
  explicit Part(const array& a) : data(a.data_shared_ptr()), offset(a.offset()) {}
  explicit Part(const std::optional<array>& a) : Part(a ? Part(*a) : Part()) {}
  bool operator==(const Part& other) const {
    return offset == other.offset && !data.owner_before(other.data) && !other.data.owner_before(data);
  }
};

/// The packed form of a weight and what it was made from: another view of the same memory, or a weight whose scales
/// have changed, needs another one.
class PackedForm {
 public:
  PackedForm(const MatrixPrimitive& matrix, const MatrixInputs& inputs, PackedMatrix packed);

  bool is_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs) const;
  const PackedMatrix& packed() const { return packed_; }

  /// Made on first use.
  const RowScreen& screen() const;

 private:
  QuantFormat format_;
  Shape shape_;
  Part codes_;
  Part scales_;
  Part biases_;
  /// Scales and biases stay held: nobody may overwrite them in place and leave this form behind.
  std::vector<std::shared_ptr<array::Data>> held_;
  PackedMatrix packed_;
  mutable std::once_flag screen_once_;
  mutable std::unique_ptr<const RowScreen> screen_;
};

/// The packed form of a weight, made on first use and kept as long as the codes are.
std::shared_ptr<const PackedForm> packed_form(const MatrixPrimitive& matrix, const MatrixInputs& inputs);

// Panels that outlive the program, in a file: the next start maps them rather than pack the weight again.

/// Changes when panels do: those of another layout are of no use.
inline constexpr int kPanelLayout = 1;

/// Whether the weight is there as a file or memory has it, not still to be computed: only then can its panels be kept.
bool has_panels_to_keep(const StoredMatrix& w);

/// Bytes of the weight's panels. Errors: as PackedMatrix.
size_t panel_bytes(const StoredMatrix& w);

/// The weight's panels, written to `out`, which has panel_bytes() bytes.
void write_panels(const StoredMatrix& w, std::span<std::byte> out);

/// Products read these panels of w from now on. They lie on a multiple of 64 bytes in memory that `owner` keeps. An
/// Error when their size is not panel_bytes(). On several memory nodes nothing happens: each is to have its part.
void adopt_panels(const StoredMatrix& w, std::span<const std::byte> panels, const std::shared_ptr<const void>& owner);

}  // namespace mica::cpu
