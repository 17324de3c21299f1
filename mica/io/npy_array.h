#pragma once

#include <string>

#include "mica/array/array.h"
#include "mica/io/array_sink.h"
#include "mica/io/npy.h"

namespace mica {

/// Writes an array in stored_form() as an .npy file; `name` is for messages.
void put_npy(const std::string& name, const array& a, ByteSink sink);

/// The array of an .npy file: a view of it; in Fortran order a transposed one.
array array_of_npy(const NpyArray& stored);

}  // namespace mica
