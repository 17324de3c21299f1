#pragma once

// Walks through a range of the columns of a packed panel: what makes blocks of it ready for the tiles of a matrix unit.

#include "mica/cpu/kernels/panel_scales.h"

namespace mica::cpu::MICA_ISA_NS {

static_assert(F32::kLanes == kPanelRows, "kernels of tiles take a column of a panel for one vector");

/// Sixteen columns of a panel.
struct PanelChunk {
  const uint8_t* record;  ///< that they are in
  int column;             ///< of the record
  const uint8_t* codes;
};

/// Calls body(i, chunk) for the chunks of columns [column + i, column + i + 16) up to `count` columns on; both numbers
/// are multiples of 16.
template <typename Body>
inline void for_chunks(const PanelLayout& layout, const uint8_t* panel, int64_t column, int64_t count, Body body) {
  const uint8_t* record = panel + column / layout.record * layout.record_bytes();
  auto in_record = static_cast<int>(column % layout.record);
  const uint8_t* codes = record + layout.scale_bytes + in_record / 16 * layout.chunk_bytes;
  for (int64_t i = 0; i < count; i += 16) {
    body(i, PanelChunk{record, in_record, codes});
    codes += layout.chunk_bytes;
    in_record += 16;
    if (in_record < layout.record) continue;
    in_record = 0;
    record = codes;
    codes += layout.scale_bytes;
  }
}

/// Scale of the group that a chunk is in, and the bias that a code of 0 stands for.
inline void chunk_scales(const PanelLayout& layout, const PanelChunk& chunk, F32& scale, F32& bias) {
  RecordScales(layout, chunk.record, 0).group(chunk.column / layout.group, layout.offset, scale, bias);
}

}  // namespace mica::cpu::MICA_ISA_NS
