#include "mica/nn/weights_file.h"

#include <array>
#include <cstring>
#include <optional>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/io/safetensors.h"
#include "mica/io/safetensors_writer.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// The two formats' types beside each other. Bytes of float8 are read as uint8, as MLX does.
constexpr std::array<std::pair<StorageType, Dtype>, 16> kTypes{{
    {StorageType::boolean, bool_},
    {StorageType::u8, uint8},
    {StorageType::u16, uint16},
    {StorageType::u32, uint32},
    {StorageType::u64, uint64},
    {StorageType::i8, int8},
    {StorageType::i16, int16},
    {StorageType::i32, int32},
    {StorageType::i64, int64},
    {StorageType::f16, float16},
    {StorageType::bf16, bfloat16},
    {StorageType::f32, float32},
    {StorageType::f64, float64},
    {StorageType::c64, complex64},
    {StorageType::f8_e4m3, uint8},
    {StorageType::f8_e8m0, uint8},
}};

void check_ending(const std::filesystem::path& file) {
  if (file.extension() != ".safetensors") {
    fail_as<std::invalid_argument>("[weights] {}: only .safetensors files hold weights", file.string());
  }
}

/// A view of the file's bytes, or a copy where they do not lie on a multiple of the element's size.
array array_of(const SafetensorsEntry& entry, Dtype dtype) {
  Shape shape(entry.shape.begin(), entry.shape.end());
  if (reinterpret_cast<uintptr_t>(entry.bytes.data()) % size_of(dtype) == 0) {
    return array::mapped(entry.owner, entry.bytes.data(), std::move(shape), dtype);
  }
  const allocator::Buffer copy = allocator::malloc(entry.bytes.size());
  std::memcpy(copy.raw_ptr(), entry.bytes.data(), entry.bytes.size());
  return array(copy, std::move(shape), dtype);
}

}  // namespace

std::vector<std::pair<std::string, array>> read_weights(const std::filesystem::path& file) {
  if (!std::filesystem::is_directory(file)) check_ending(file);
  std::vector<std::pair<std::string, array>> out;
  const Safetensors tensors = Safetensors::open(file);
  for (const SafetensorsEntry& entry : tensors.entries()) {
    std::optional<Dtype> dtype;
    for (const auto& [stored, type] : kTypes) {
      if (stored == entry.type) dtype = type;
    }
    if (!dtype)
      fail("{}: {} has type {}, which arrays do not have", file.string(), entry.name, storage_name(entry.type));
    out.emplace_back(entry.name, array_of(entry, *dtype));
  }
  return out;
}

void write_weights(const std::filesystem::path& file, std::vector<std::pair<std::string, array>> weights) {
  check_ending(file);
  std::vector<array> values;
  std::vector<SafetensorsSpec> specs;
  for (const auto& [name, value] : weights) {
    values.push_back(contiguous(value));
    SafetensorsSpec spec;
    spec.name = name;
    spec.shape.assign(value.shape().begin(), value.shape().end());
    if (value.dtype() == float64) {
      fail_as<std::invalid_argument>("[weights] {}: safetensors files hold no float64; convert it", name);
    }
    for (const auto& [stored, type] : kTypes) {
      if (type == value.dtype()) {
        spec.type = stored;
        break;
      }
    }
    specs.push_back(std::move(spec));
  }
  mica::eval(values);
  SafetensorsWriter writer(file, std::move(specs), {{"format", "mlx"}});
  for (const array& value : values) {
    writer.write(std::span(value.data<std::byte>(), value.nbytes()));
  }
  writer.commit();
}

}  // namespace mica::nn
