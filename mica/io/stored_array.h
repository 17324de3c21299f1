#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mica/array/array.h"
#include "mica/base/file.h"
#include "mica/io/storage_type.h"

namespace mica {

/// The dtype that holds a stored type: float8 bit patterns are uint8. Nothing for types that arrays do not have.
std::optional<Dtype> dtype_of(StorageType type);

/// How a dtype is stored.
StorageType storage_type_of(Dtype dtype);

/// An array of `bytes` inside the mapped file `owner`: a view, or a copy where they do not lie on a multiple of the
/// element's size.
array array_of_bytes(const std::shared_ptr<const MappedFile>& owner, std::span<const std::byte> bytes, Shape shape,
                     Dtype dtype);

/// The array computed, in C order.
array stored_form(const array& a);

/// The shape as files have it.
std::vector<int64_t> dims_of(const array& a);

/// The bytes of an array in stored_form().
std::span<const std::byte> bytes_of(const array& a);

}  // namespace mica
