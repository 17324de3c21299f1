#pragma once

#include <cstdint>
#include <optional>

#include "mica/cpu/kernels/panel.h"
#include "mica/ops/quant_format.h"

namespace mica::cpu {

/// The format with codes of 5 bits for what a format with codes of 8 bits stores: groups and scales are of the same
/// kind, a scale is 8 times as large. Nothing for formats without such codes or with two levels of scales.
std::optional<QuantFormat> coarse_format(const QuantFormat& format);

/// Rounds the codes of a panel, whose scales are of `type`, to 5 bits. `bounds`: for each of the 16 rows what |fine row
/// · x − coarse row · x| is at most for any x of length 1, as the kernels compute the two in float32; infinite where a
/// scale is too large.
void coarsen_panel(const PanelLayout& fine, ScaleType type, const uint8_t* panel, const PanelLayout& coarse,
                   uint8_t* out, float* bounds);

}  // namespace mica::cpu
