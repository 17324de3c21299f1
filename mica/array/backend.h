#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "mica/array/device.h"
#include "mica/array/primitive.h"
#include "mica/base/read_ahead.h"

namespace mica {

/// Computes a primitive's outputs: gives each its memory (array::set_data or share_buffer) and fills it. An input may
/// be taken over for an output when it is_donatable(). Called on a stream's thread, one call at a time per stream.
using Kernel = void (*)(const Primitive& primitive, std::span<array> inputs, std::span<array> outputs);

/// A primitive of a compiled function, made ready once for many runs: what it needs of constant inputs is at hand.
struct PreparedKernel {
  /// The inputs that it still takes, by their places among the primitive's.
  std::vector<size_t> reads;
  /// What its loop over threads reads of constants in every run; empty: nothing worth mentioning.
  LoopReads streams;
  /// `next`: what the loop of the next kernel with such reads will want.
  std::function<void(std::span<array> inputs, std::span<array> outputs, const LoopReads& next)> run;
};

/// Prepares a primitive, which outlives the result; the inputs that are there are constants. Null where that gains
/// nothing.
using Prepare = std::optional<PreparedKernel> (*)(const Primitive& primitive,
                                                  std::span<const std::optional<array>> inputs);

/// A kind of device as the layers above see it: kernels, which allocate their outputs' memory where the device wants
/// it, and what is left of their work when they return. Nothing else knows which device work runs on.
class Backend {
 public:
  explicit Backend(std::string name) : name_(std::move(name)) {}
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const std::string& name() const { return name_; }

  /// Registers the kernel of primitive class P: add<P, function>() with a function that takes (const P&, …).
  template <typename P, auto kernel>
  void add() {
    kernels_[P::static_id()] = [](const Primitive& primitive, std::span<array> inputs, std::span<array> outputs) {
      kernel(static_cast<const P&>(primitive), inputs, outputs);
    };
  }

  /// Registers how compiled functions prepare primitives of class P: add_prepared<P, function>() with a function that
  /// takes (const P&, …).
  template <typename P, auto prepare>
  void add_prepared() {
    prepares_[P::static_id()] = [](const Primitive& primitive, std::span<const std::optional<array>> inputs) {
      return prepare(static_cast<const P&>(primitive), inputs);
    };
  }

  /// The kernel, or null when this backend has none for the primitive.
  virtual Kernel find(PrimitiveId id) const {
    const auto found = kernels_.find(id);
    return found == kernels_.end() ? nullptr : found->second;
  }

  /// How the primitive is prepared, or null where its kernel is all there is.
  virtual Prepare find_prepare(PrimitiveId id) const {
    const auto found = prepares_.find(id);
    return found == prepares_.end() ? nullptr : found->second;
  }

  /// Waits for what kernels started on the stream and did not finish, before others may read its results. Throws what
  /// went wrong there.
  virtual void finish(const Stream&) const {}

 private:
  std::string name_;
  std::unordered_map<PrimitiveId, Kernel> kernels_;
  std::unordered_map<PrimitiveId, Prepare> prepares_;
};

/// The backend of a kind of device; throws std::invalid_argument when there is none.
const Backend& backend(Device::DeviceType type);

/// Puts a backend in place (a plug-in, or a test's instrumented one) and returns the one that was there.
std::shared_ptr<const Backend> set_backend(Device::DeviceType type, std::shared_ptr<const Backend> backend);

/// Whether there is a backend for that kind of device.
bool has_backend(Device::DeviceType type);

/// Makes the CPU backend. Declared here, defined by mica/cpu, which this folder knows nothing about.
std::shared_ptr<const Backend> make_cpu_backend();

}  // namespace mica
