#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// Identifies a class of primitives; the same for all its objects. Kernels are registered under it.
using PrimitiveId = const void*;

/// Shape and dtype of one output.
struct OutputSpec {
  Shape shape;
  Dtype dtype;
};

/// An operation of the graph: what it computes is known by its class and fields, its inputs stand in the arrays that it
/// made. Immutable once made. Kernels are not here: a backend registers them (backend.h).
class Primitive {
 public:
  explicit Primitive(Stream stream) : stream_(stream) {}
  virtual ~Primitive() = default;
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;

  const Stream& stream() const { return stream_; }
  const Device& device() const { return stream_.device; }

  virtual std::string_view name() const = 0;
  virtual PrimitiveId id() const = 0;

  /// Checks the inputs and gives the outputs' shapes and dtypes: the one rule that eager ops, shapeless programs and
  /// import share. Throws std::invalid_argument starting with "[name]".
  virtual std::vector<OutputSpec> infer(const std::vector<array>& inputs) const = 0;

 private:
  Stream stream_;
};

/// Gives a primitive class its id: struct Add final : PrimitiveOf<Add> { … }.
template <typename Derived>
class PrimitiveOf : public Primitive {
 public:
  using Primitive::Primitive;
  static PrimitiveId static_id() {
    static const char tag = 0;
    return &tag;
  }
  PrimitiveId id() const final { return static_id(); }
};

/// The array that `primitive` makes of `inputs`: shape and dtype come from infer().
array make_array(std::shared_ptr<Primitive> primitive, std::vector<array> inputs);

/// The same for primitives with several outputs.
std::vector<array> make_arrays(std::shared_ptr<Primitive> primitive, std::vector<array> inputs);

/// make_array(std::make_shared<P>(args…), inputs).
template <typename P, typename... Args>
array apply(std::vector<array> inputs, Args&&... args) {
  return make_array(std::make_shared<P>(std::forward<Args>(args)...), std::move(inputs));
}

}  // namespace mica
