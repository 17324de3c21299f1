#pragma once

#include <cstdint>

#include "mica/cpu/block_codec.h"

namespace mica::cpu {

/// Decodes one block of a ggml kind into codes and scales (a record). `block` has the kind's bytes per block, at any
/// alignment. The layouts are those of ggml's file format (ggml-common.h).
void decode_ggml_block(QuantKind kind, const uint8_t* block, CodeRecord& out);

}  // namespace mica::cpu
