// Gradients of slices, gathers and scatters: what is read from a place gives its cotangent back to it, what is put
// there takes its cotangent from it.
#include <functional>
#include <optional>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// The tangent of input `which`, or zeros.
array tangent_or_zeros(int which, const std::vector<array>& primals, const std::vector<array>& tangents,
                       const std::vector<int>& argnums, StreamOrDevice s) {
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (argnums[i] == which) return tangents[i];
  }
  return zeros_like(primals[static_cast<size_t>(which)], s);
}

std::vector<array> with_rest(std::vector<array> first, const std::vector<array>& inputs, size_t rest) {
  for (size_t i = rest; i < inputs.size(); ++i) first.push_back(inputs[i]);
  return first;
}

/// What a scatter does, for rules that are the same for every way of naming places.
struct Places {
  /// `base` with `updates` put at the places.
  std::function<array(const array& base, const array& updates, UpdateMode mode)> put;
  /// The elements of `source` at the places, in the shape of the updates.
  std::function<array(const array& source)> get;
};

/// The parts of source and updates in the result of a scatter: its derivatives by them.
struct Shares {
  array source;
  array updates;
};

/// Where several updates are assigned to one place, the one that stays there counts.
Shares assigned_shares(const array& source, const array& updates, const Places& places, StreamOrDevice s) {
  const array numbers = reshape(arange(0, static_cast<double>(updates.size()), int64, s), updates.shape(), s);
  const array winner = places.put(full(source.shape(), -1, int64, s), numbers, UpdateMode::assign);
  return {astype(equal(winner, array(-1, int64), s), source.dtype(), s),
          astype(equal(places.get(winner), numbers, s), source.dtype(), s)};
}

/// All that reach the extreme share it equally.
Shares extreme_shares(const array& source, const array& updates, const Places& places, UpdateMode mode,
                      StreamOrDevice s) {
  const array out = places.put(source, updates, mode);
  const array from_source = astype(equal(source, out, s), source.dtype(), s);
  const array from_updates = astype(equal(updates, places.get(out), s), source.dtype(), s);
  const array count = places.put(from_source, from_updates, UpdateMode::add);
  return {divide(from_source, count, s), divide(from_updates, places.get(count), s)};
}

[[noreturn]] void fail_no_product(std::string_view what) {
  fail_as<std::invalid_argument>("[scatter_prod] has no {}", what);
}

std::vector<array> scatter_vjp(const array& source, const array& updates, int updates_at, UpdateMode mode,
                               const array& cotangent, const std::vector<int>& argnums, const Places& places,
                               StreamOrDevice s) {
  if (mode == UpdateMode::prod) fail_no_product("gradient (vjp)");
  const bool add = mode == UpdateMode::add;
  std::optional<Shares> shares;
  if (!add) {
    shares = mode == UpdateMode::assign ? assigned_shares(source, updates, places, s)
                                        : extreme_shares(source, updates, places, mode, s);
  }
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    if (which == updates_at) {
      const array taken = places.get(cotangent);
      out.push_back(add ? taken : multiply(taken, shares->updates, s));
    } else {
      out.push_back(add ? cotangent : multiply(cotangent, shares->source, s));
    }
  }
  return out;
}

array scatter_jvp(const array& source, const array& updates, const array& source_tangent, const array& update_tangent,
                  UpdateMode mode, const Places& places, StreamOrDevice s) {
  switch (mode) {
    case UpdateMode::prod:
      fail_no_product("tangent (jvp)");
    case UpdateMode::add:
    case UpdateMode::assign:
      return places.put(source_tangent, update_tangent, mode);
    default:
      break;
  }
  const Shares shares = extreme_shares(source, updates, places, mode, s);
  return places.put(multiply(source_tangent, shares.source, s), multiply(update_tangent, shares.updates, s),
                    UpdateMode::add);
}

Places places_of(const Scatter& scatter, const std::vector<array>& primals) {
  const Stream s = scatter.stream();
  const std::vector<int> axes = scatter.axes;
  const Shape& updates = primals[1].shape();
  const Shape sizes(updates.end() - static_cast<int64_t>(primals[0].ndim()), updates.end());
  return {[=](const array& base, const array& values, UpdateMode mode) {
            return apply<Scatter>(with_rest({base, values}, primals, 2), s, axes, mode);
          },
          [=](const array& source) { return apply<Gather>(with_rest({source}, primals, 2), s, axes, sizes); }};
}

Places places_of(const ScatterAxis& scatter, const std::vector<array>& primals) {
  const Stream s = scatter.stream();
  const int axis = scatter.axis;
  const array& indices = primals[1];
  return {[=](const array& base, const array& values, UpdateMode mode) {
            return apply<ScatterAxis>({base, indices, values}, s, axis, mode);
          },
          [=](const array& source) { return apply<GatherAxis>({source, indices}, s, axis); }};
}

}  // namespace

std::vector<array> Slice::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                              const std::vector<int>&, const std::vector<array>&) const {
  const array zero = zeros(primals[0].shape(), cotangents[0].dtype(), stream());
  if (cotangents[0].size() == 0) return {zero};
  return {apply<SliceUpdate>({zero, cotangents[0]}, stream(), start, strides)};
}

std::vector<array> Slice::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                              const std::vector<int>&) const {
  return {apply<Slice>(tangents, stream(), start, shape, strides)};
}

std::vector<array> SliceUpdate::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                    const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    out.push_back(which == 0
                      ? apply<SliceUpdate>({cotangents[0], zeros_like(primals[1], stream())}, stream(), start, strides)
                      : apply<Slice>(cotangents, stream(), start, primals[1].shape(), strides));
  }
  return out;
}

std::vector<array> SliceUpdate::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                    const std::vector<int>& argnums) const {
  return {apply<SliceUpdate>({tangent_or_zeros(0, primals, tangents, argnums, stream()),
                              tangent_or_zeros(1, primals, tangents, argnums, stream())},
                             stream(), start, strides)};
}

std::vector<array> DynamicSlice::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                     const std::vector<int>&, const std::vector<array>&) const {
  const array zero = zeros(primals[0].shape(), cotangents[0].dtype(), stream());
  return {apply<DynamicSliceUpdate>({zero, cotangents[0], primals[1]}, stream(), axes)};
}

std::vector<array> DynamicSlice::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                     const std::vector<int>&) const {
  return {apply<DynamicSlice>({tangents[0], primals[1]}, stream(), axes, shape)};
}

std::vector<array> DynamicSliceUpdate::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                           const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    out.push_back(which == 0 ? apply<DynamicSliceUpdate>({cotangents[0], zeros_like(primals[1], stream()), primals[2]},
                                                         stream(), axes)
                             : apply<DynamicSlice>({cotangents[0], primals[2]}, stream(), axes, primals[1].shape()));
  }
  return out;
}

std::vector<array> DynamicSliceUpdate::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                           const std::vector<int>& argnums) const {
  return {apply<DynamicSliceUpdate>({tangent_or_zeros(0, primals, tangents, argnums, stream()),
                                     tangent_or_zeros(1, primals, tangents, argnums, stream()), primals[2]},
                                    stream(), axes)};
}

std::vector<array> Gather::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>&, const std::vector<array>&) const {
  const array zero = zeros(primals[0].shape(), cotangents[0].dtype(), stream());
  return {apply<Scatter>(with_rest({zero, cotangents[0]}, primals, 1), stream(), axes, UpdateMode::add)};
}

std::vector<array> Gather::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>&) const {
  return {apply<Gather>(with_rest({tangents[0]}, primals, 1), stream(), axes, slice_sizes)};
}

std::vector<array> Scatter::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                const std::vector<int>& argnums, const std::vector<array>&) const {
  return scatter_vjp(primals[0], primals[1], 1, mode, cotangents[0], argnums, places_of(*this, primals), stream());
}

std::vector<array> Scatter::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                const std::vector<int>& argnums) const {
  return {scatter_jvp(primals[0], primals[1], tangent_or_zeros(0, primals, tangents, argnums, stream()),
                      tangent_or_zeros(1, primals, tangents, argnums, stream()), mode, places_of(*this, primals),
                      stream())};
}

std::vector<array> GatherAxis::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                   const std::vector<int>&, const std::vector<array>&) const {
  const array zero = zeros(primals[0].shape(), cotangents[0].dtype(), stream());
  return {apply<ScatterAxis>({zero, primals[1], cotangents[0]}, stream(), axis, UpdateMode::add)};
}

std::vector<array> GatherAxis::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                   const std::vector<int>&) const {
  return {apply<GatherAxis>({tangents[0], primals[1]}, stream(), axis)};
}

std::vector<array> ScatterAxis::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                    const std::vector<int>& argnums, const std::vector<array>&) const {
  return scatter_vjp(primals[0], primals[2], 2, mode, cotangents[0], argnums, places_of(*this, primals), stream());
}

std::vector<array> ScatterAxis::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                    const std::vector<int>& argnums) const {
  return {scatter_jvp(primals[0], primals[2], tangent_or_zeros(0, primals, tangents, argnums, stream()),
                      tangent_or_zeros(2, primals, tangents, argnums, stream()), mode, places_of(*this, primals),
                      stream())};
}

}  // namespace mica
