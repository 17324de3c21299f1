#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// A metadata value of a GGUF file: a number or bool (an array of no axes), an array of them, a string, or strings.
using GGUFMetaData = std::variant<std::monostate, array, std::string, std::vector<std::string>>;

/// Arrays and metadata of a GGUF file.
using GGUFLoad = std::pair<std::unordered_map<std::string, array>, std::unordered_map<std::string, GGUFMetaData>>;

/// Tensors and metadata of a GGUF file (or of all shards, given the first one). F32, F16, BF16, F64 and integer tensors
/// come as they are. Q4_0, Q4_1 and Q8_0 become MLX's affine quantization in groups of 32, without loss: "x.weight" as
/// uint32 codes, "x.scales" and "x.biases" in float16. All other types are dequantized to float16. A model that is to
/// run is better loaded with lm::load_model, which keeps every type as it is.
/// Throws std::runtime_error (mica::Error) naming file and tensor.
GGUFLoad load_gguf(const std::string& file, StreamOrDevice s = {});

/// Writes a GGUF file, version 3; ".gguf" is appended where it is missing. Arrays: float32, float16, bfloat16, float64,
/// int8, int16, int32 or int64 of at most 4 axes. Metadata arrays have one axis or none.
void save_gguf(const std::string& file, const std::unordered_map<std::string, array>& arrays,
               const std::unordered_map<std::string, GGUFMetaData>& metadata = {});

}  // namespace mica
