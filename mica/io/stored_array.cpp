#include "mica/io/stored_array.h"

#include <cstring>

#include "mica/ops/shape.h"

namespace mica {

std::optional<Dtype> dtype_of(StorageType type) {
  switch (type) {
    case StorageType::boolean:
      return bool_;
    case StorageType::u8:
    case StorageType::f8_e4m3:
    case StorageType::f8_e8m0:
      return uint8;
    case StorageType::u16:
      return uint16;
    case StorageType::u32:
      return uint32;
    case StorageType::u64:
      return uint64;
    case StorageType::i8:
      return int8;
    case StorageType::i16:
      return int16;
    case StorageType::i32:
      return int32;
    case StorageType::i64:
      return int64;
    case StorageType::f16:
      return float16;
    case StorageType::bf16:
      return bfloat16;
    case StorageType::f32:
      return float32;
    case StorageType::f64:
      return float64;
    case StorageType::c64:
      return complex64;
    default:
      return std::nullopt;
  }
}

StorageType storage_type_of(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return StorageType::boolean;
    case Dtype::Val::uint8:
      return StorageType::u8;
    case Dtype::Val::uint16:
      return StorageType::u16;
    case Dtype::Val::uint32:
      return StorageType::u32;
    case Dtype::Val::uint64:
      return StorageType::u64;
    case Dtype::Val::int8:
      return StorageType::i8;
    case Dtype::Val::int16:
      return StorageType::i16;
    case Dtype::Val::int32:
      return StorageType::i32;
    case Dtype::Val::int64:
      return StorageType::i64;
    case Dtype::Val::float16:
      return StorageType::f16;
    case Dtype::Val::bfloat16:
      return StorageType::bf16;
    case Dtype::Val::float64:
      return StorageType::f64;
    case Dtype::Val::complex64:
      return StorageType::c64;
    case Dtype::Val::float32:
      return StorageType::f32;
  }
  return StorageType::f32;
}

array array_of_bytes(const std::shared_ptr<const MappedFile>& owner, std::span<const std::byte> bytes, Shape shape,
                     Dtype dtype) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % size_of(dtype) == 0) {
    return array::mapped(owner, bytes.data(), std::move(shape), dtype);
  }
  const allocator::Buffer copy = allocator::malloc(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.raw_ptr(), bytes.data(), bytes.size());
  return array(copy, std::move(shape), dtype);
}

array stored_form(const array& a) {
  array out = contiguous(a);
  out.eval();
  return out;
}

std::vector<int64_t> dims_of(const array& a) {
  return {a.shape().begin(), a.shape().end()};
}

std::span<const std::byte> bytes_of(const array& a) {
  return {a.data<std::byte>(), a.nbytes()};
}

}  // namespace mica
