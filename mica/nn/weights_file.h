#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"

namespace mica::nn {

/// The arrays of a .safetensors file (or folder of shards) under their names, as views of the mapped file. Throws Error
/// for a file that cannot be read, std::invalid_argument for another ending.
std::vector<std::pair<std::string, array>> read_weights(const std::filesystem::path& file);

/// Writes the arrays to a .safetensors file, which appears when it is complete. float64 has no place in the format and
/// another ending has no writer: std::invalid_argument.
void write_weights(const std::filesystem::path& file, std::vector<std::pair<std::string, array>> weights);

}  // namespace mica::nn
