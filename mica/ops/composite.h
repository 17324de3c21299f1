#pragma once

#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"

namespace mica {

/// A primitive that plain operations specify: kernels compute the same faster, and all its rules follow from the
/// operations. Derive with PrimitiveOf<Derived, Composite>. The rules are defined by mica/transforms, which this folder
/// knows nothing about.
class Composite : public Primitive {
 public:
  using Primitive::Primitive;

  /// What the primitive computes, in operations that have rules of their own.
  virtual std::vector<array> expand(const std::vector<array>& inputs) const = 0;

  MICA_VJP
  MICA_JVP
  MICA_VMAP
};

}  // namespace mica
