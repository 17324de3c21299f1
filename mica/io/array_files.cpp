#include "mica/io/array_files.h"

#include <algorithm>
#include <vector>

#include "mica/base/error.h"
#include "mica/io/array_sink.h"
#include "mica/io/npy_array.h"
#include "mica/io/safetensors.h"
#include "mica/io/safetensors_writer.h"
#include "mica/io/stored_array.h"

namespace mica {
namespace {

SafetensorsLoad arrays_of(const Safetensors& file) {
  SafetensorsLoad out;
  for (const SafetensorsEntry& entry : file.entries()) {
    const auto dtype = dtype_of(entry.type);
    if (!dtype) {
      fail("{}: tensor {}: type {} is not supported", file.path().string(), mica::quoted(entry.name),
           storage_name(entry.type));
    }
    out.first.emplace(entry.name,
                      array_of_bytes(entry.owner, entry.bytes, Shape(entry.shape.begin(), entry.shape.end()), *dtype));
  }
  out.second.insert(file.metadata().begin(), file.metadata().end());
  return out;
}

/// The arrays computed, by name in order; together with what the header says of them.
struct StoredTensors {
  std::vector<SafetensorsSpec> specs;
  std::vector<array> values;
  SafetensorsMetadata metadata;
};

StoredTensors stored_tensors(const std::unordered_map<std::string, array>& arrays,
                             const std::unordered_map<std::string, std::string>& metadata) {
  StoredTensors out;
  std::vector<const std::pair<const std::string, array>*> order;
  order.reserve(arrays.size());
  for (const auto& item : arrays) order.push_back(&item);
  std::ranges::sort(order, {}, [](const auto* item) { return std::string_view(item->first); });
  for (const auto* item : order) {
    const array& a = item->second;
    out.specs.push_back({item->first, storage_type_of(a.dtype()), dims_of(a)});
    out.values.push_back(stored_form(a));
  }
  out.metadata.assign(metadata.begin(), metadata.end());
  std::ranges::sort(out.metadata);
  return out;
}

void put_safetensors(const std::string& name, const StoredTensors& tensors, ByteSink sink) {
  sink(as_bytes(safetensors_prefix(name, tensors.specs, tensors.metadata)));
  for (const array& a : tensors.values) sink(bytes_of(a));
}

}  // namespace

void save(const std::shared_ptr<io::Writer>& out_stream, const array& a) {
  const array stored = stored_form(a);
  write_stream(*out_stream, [&](ByteSink sink) { put_npy(out_stream->label(), stored, sink); });
}

void save(std::string file, const array& a) {
  const array stored = stored_form(a);
  write_file_named(file, ".npy", [&](ByteSink sink) { put_npy(file, stored, sink); });
}

array load(const std::shared_ptr<io::Reader>& in_stream, StreamOrDevice) {
  return array_of_npy(parse_npy(read_stream(*in_stream)));
}

array load(const std::string& file, StreamOrDevice) {
  return array_of_npy(read_npy(file));
}

SafetensorsLoad load_safetensors(const std::shared_ptr<io::Reader>& in_stream, StreamOrDevice) {
  return arrays_of(Safetensors::parse(read_stream(*in_stream)));
}

SafetensorsLoad load_safetensors(const std::string& file, StreamOrDevice) {
  return arrays_of(Safetensors::parse(MappedFile::open(file)));
}

void save_safetensors(const std::shared_ptr<io::Writer>& out_stream,
                      const std::unordered_map<std::string, array>& arrays,
                      const std::unordered_map<std::string, std::string>& metadata) {
  const StoredTensors tensors = stored_tensors(arrays, metadata);
  write_stream(*out_stream, [&](ByteSink sink) { put_safetensors(out_stream->label(), tensors, sink); });
}

void save_safetensors(std::string file, const std::unordered_map<std::string, array>& arrays,
                      const std::unordered_map<std::string, std::string>& metadata) {
  const StoredTensors tensors = stored_tensors(arrays, metadata);
  write_file_named(file, ".safetensors", [&](ByteSink sink) { put_safetensors(file, tensors, sink); });
}

}  // namespace mica
