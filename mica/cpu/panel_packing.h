#pragma once

#include <cstdint>

#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/quantized_matrix.h"

namespace mica::cpu {

/// The panel layout of a format for rows of `cols` values; the shape has been checked.
PanelLayout panel_layout(const QuantFormat& format, int64_t cols);

/// Writes one panel (layout.panel_bytes()) from rows first_row … first_row + rows − 1 (at most 16; the rest are zeros).
void pack_panel(const QuantizedMatrix& source, const PanelLayout& layout, int64_t first_row, int64_t rows,
                uint8_t* panel);

/// A function such as pack_panel.
using PackPanel = void (*)(const QuantizedMatrix& source, const PanelLayout& layout, int64_t first_row, int64_t rows,
                           uint8_t* panel);

/// One row (0 … 15) of a panel back in f32, `cols` values, rounded as dequantize_row does.
void unpack_panel_row(const QuantFormat& format, const PanelLayout& layout, const uint8_t* panel, int row, int64_t cols,
                      float factor, float* out);

}  // namespace mica::cpu
