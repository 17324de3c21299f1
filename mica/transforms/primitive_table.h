#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "mica/array/primitive.h"
#include "mica/transforms/byte_stream.h"
#include "mica/transforms/export.h"

namespace mica {

/// A class of primitives that files of functions can hold: its name there, and its fields as bytes. All of it follows
/// from the class's fields(), which stand in the order of its constructor's arguments.
struct PrimitiveKind {
  std::string_view name;
  PrimitiveId id;
  void (*write)(const Primitive& primitive, ByteWriter& out);
  std::shared_ptr<Primitive> (*read)(ByteReader& in, Stream stream);
  std::vector<StateT> (*state)(const Primitive& primitive);
};

/// The primitive's class. Throws std::invalid_argument for one that cannot be exported: one that a program defines
/// itself.
const PrimitiveKind& kind_of(const Primitive& primitive);

/// The class of that name; null if there is none.
const PrimitiveKind* kind_named(std::string_view name);

}  // namespace mica
