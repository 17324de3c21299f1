// Gradients of primitives that arrange elements: the cotangent goes back the way that the elements came.
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

std::vector<int> inverse_permutation(const std::vector<int>& axes) {
  std::vector<int> inverse(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) inverse[static_cast<size_t>(axes[i])] = static_cast<int>(i);
  return inverse;
}

}  // namespace

std::vector<array> Reshape::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                const std::vector<int>&, const std::vector<array>&) const {
  return {reshape(cotangents[0], primals[0].shape(), stream())};
}

std::vector<array> Reshape::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                const std::vector<int>&) const {
  return {reshape(tangents[0], shape, stream())};
}

std::vector<array> Transpose::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>&) const {
  return {transpose(cotangents[0], inverse_permutation(axes), stream())};
}

std::vector<array> Transpose::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                  const std::vector<int>&) const {
  return {transpose(tangents[0], axes, stream())};
}

std::vector<array> Broadcast::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>&) const {
  return {sum_to_shape(cotangents[0], primals[0].shape(), stream())};
}

std::vector<array> Broadcast::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                  const std::vector<int>&) const {
  return {broadcast_to(tangents[0], shape, stream())};
}

std::vector<array> AsStrided::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>&) const {
  // The view may show an element several times: its cotangents are added up at the place that it came from.
  const array& x = primals[0];
  const auto size = static_cast<ShapeElem>(x.size());
  const array places =
      as_strided(arange(0, static_cast<double>(size), int64, stream()), shape, strides, offset, stream());
  const array updates = reshape(cotangents[0], {static_cast<ShapeElem>(cotangents[0].size()), 1}, stream());
  const array flat = zeros({size}, cotangents[0].dtype(), stream());
  return {reshape(scatter_add(flat, flatten(places, stream()), updates, 0, stream()), x.shape(), stream())};
}

std::vector<array> AsStrided::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                  const std::vector<int>&) const {
  return {as_strided(tangents[0], shape, strides, offset, stream())};
}

std::vector<array> Copy::vjp(const std::vector<array>&, const std::vector<array>& cotangents, const std::vector<int>&,
                             const std::vector<array>&) const {
  return cotangents;
}

std::vector<array> Copy::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                             const std::vector<int>&) const {
  return tangents;
}

std::vector<array> Concatenate::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                    const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<ShapeElem> ends = {0};
  for (const array& primal : primals) ends.push_back(ends.back() + primal.shape(axis));
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    const auto i = static_cast<size_t>(which);
    Shape start(cotangents[0].ndim(), 0);
    Shape stop = cotangents[0].shape();
    start[static_cast<size_t>(axis)] = ends[i];
    stop[static_cast<size_t>(axis)] = ends[i + 1];
    out.push_back(slice(cotangents[0], start, stop, stream()));
  }
  return out;
}

std::vector<array> Concatenate::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                    const std::vector<int>& argnums) const {
  std::vector<array> parts;
  parts.reserve(primals.size());
  size_t next = 0;
  for (size_t i = 0; i < primals.size(); ++i) {
    const bool given = next < argnums.size() && argnums[next] == static_cast<int>(i);
    parts.push_back(given ? tangents[next++] : zeros_like(primals[i], stream()));
  }
  return {concatenate(std::move(parts), axis, stream())};
}

}  // namespace mica
