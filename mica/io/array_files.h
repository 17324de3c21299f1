#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "mica/array/array.h"
#include "mica/array/stream.h"
#include "mica/io/byte_stream.h"

namespace mica {

/// Arrays by name, and a file's metadata.
using SafetensorsLoad = std::pair<std::unordered_map<std::string, array>, std::unordered_map<std::string, std::string>>;

// Files are mapped, not read: an array's bytes come in when they are used. Files that are written by name appear under
// it only when they are whole; ".npy", ".npz" or ".safetensors" is appended where it is missing. All throw
// std::runtime_error (mica::Error) in one line that names the file and what is wrong with it.

/// Writes one array in NumPy's format.
void save(const std::shared_ptr<io::Writer>& out_stream, const array& a);
void save(std::string file, const array& a);

/// Reads one array in NumPy's format (versions 1 to 3, both byte orders, C and Fortran order).
array load(const std::shared_ptr<io::Reader>& in_stream, StreamOrDevice s = {});
array load(const std::string& file, StreamOrDevice s = {});

/// Reads a safetensors file. Float8 tensors come as uint8.
SafetensorsLoad load_safetensors(const std::shared_ptr<io::Reader>& in_stream, StreamOrDevice s = {});
SafetensorsLoad load_safetensors(const std::string& file, StreamOrDevice s = {});

/// Writes a safetensors file, tensors sorted by name.
void save_safetensors(const std::shared_ptr<io::Writer>& out_stream,
                      const std::unordered_map<std::string, array>& arrays,
                      const std::unordered_map<std::string, std::string>& metadata = {});
void save_safetensors(std::string file, const std::unordered_map<std::string, array>& arrays,
                      const std::unordered_map<std::string, std::string>& metadata = {});

/// Reads the arrays of NumPy's zip archives (mlx.core.savez, numpy.savez, savez_compressed).
std::unordered_map<std::string, array> load_npz(const std::string& file);

/// Writes arrays as numpy.savez does, or as savez_compressed.
void savez(std::string file, const std::unordered_map<std::string, array>& arrays);
void savez_compressed(std::string file, const std::unordered_map<std::string, array>& arrays);

}  // namespace mica
