#pragma once

#include <memory>
#include <string_view>
#include <tuple>
#include <utility>
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

  /// Whether `other`, a primitive of the same class, computes the same function: its fields are equal. Programs merge
  /// such nodes when their inputs are the same, too.
  virtual bool is_equivalent(const Primitive& other) const;

  /// The gradient rule: from the cotangents of all outputs those of the inputs named by `argnums`, in that order.
  /// `primals` are all inputs, `outputs` what the primitive made of them. Throws std::invalid_argument when the
  /// primitive has no gradient.
  virtual std::vector<array> vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                 const std::vector<int>& argnums, const std::vector<array>& outputs) const;

  /// The tangent rule: from the tangents of the inputs named by `argnums` (the others have none) those of all outputs.
  virtual std::vector<array> jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                 const std::vector<int>& argnums) const;

  /// The batching rule: the primitive applied to each slice of the inputs along `axes` (-1: that input has no batch
  /// axis; at least one has). Returns the outputs and their batch axes.
  virtual std::pair<std::vector<array>, std::vector<int>> vmap(const std::vector<array>& inputs,
                                                               const std::vector<int>& axes) const;

 private:
  Stream stream_;
};

/// Gives a primitive class its id: struct Add final : PrimitiveOf<Add> { … }. A class that names what tells its objects
/// apart, `auto fields() const { return std::tie(axes, mode); }`, gets is_equivalent().
/// `Base` is Primitive or a class derived from it that has some of the rules.
template <typename Derived, typename Base = Primitive>
class PrimitiveOf : public Base {  // NOLINT(bugprone-crtp-constructor-accessibility)
 public:
  using Base::Base;
  static PrimitiveId static_id() {
    static const char tag = 0;
    return &tag;
  }
  PrimitiveId id() const final { return static_id(); }

  bool is_equivalent(const Primitive& other) const override {
    if constexpr (requires(const Derived& self) { self.fields(); }) {
      return other.id() == id() && other.stream() == this->stream() &&
             static_cast<const Derived&>(*this).fields() == static_cast<const Derived&>(other).fields();
    } else {
      return false;
    }
  }
};

/// Declare the rules that a primitive class has.
#define MICA_VJP                                                                                  \
  std::vector<array> vjp(const std::vector<array>& primals, const std::vector<array>& cotangents, \
                         const std::vector<int>& argnums, const std::vector<array>& outputs) const override;
#define MICA_JVP                                                                                \
  std::vector<array> jvp(const std::vector<array>& primals, const std::vector<array>& tangents, \
                         const std::vector<int>& argnums) const override;
#define MICA_VMAP                                                                                                      \
  std::pair<std::vector<array>, std::vector<int>> vmap(const std::vector<array>& inputs, const std::vector<int>& axes) \
      const override;

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
