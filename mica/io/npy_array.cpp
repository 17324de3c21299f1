#include "mica/io/npy_array.h"

#include <algorithm>

#include "mica/base/error.h"
#include "mica/io/stored_array.h"
#include "mica/ops/shape.h"

namespace mica {

void put_npy(const std::string& name, const array& a, ByteSink sink) {
  const std::string header = npy_header(name, storage_type_of(a.dtype()), dims_of(a));
  sink(as_bytes(header));
  sink(bytes_of(a));
}

array array_of_npy(const NpyArray& stored) {
  const auto dtype = dtype_of(stored.type);
  if (!dtype) fail("{}: arrays of {} are not supported", stored.owner->path().string(), storage_name(stored.type));
  Shape shape(stored.shape.begin(), stored.shape.end());
  if (!stored.fortran_order) return array_of_bytes(stored.owner, stored.bytes, std::move(shape), *dtype);
  std::ranges::reverse(shape);
  return transpose(array_of_bytes(stored.owner, stored.bytes, std::move(shape), *dtype));
}

}  // namespace mica
