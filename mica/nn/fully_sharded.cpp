#include "mica/nn/fully_sharded.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/distributed/ops.h"
#include "mica/nn/embedding.h"
#include "mica/nn/tree_functions.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"
#include "mica/transforms/transforms.h"

namespace mica::nn {
namespace {

using Arrays = std::vector<array>;

/// Not what a FullyShardedModule further below has cut already.
bool is_cut_here(const Module& module, const std::string& key, const Member& value) {
  const bool cut_below = dynamic_cast<const FullyShardedModule*>(&module) != nullptr;
  return !cut_below && Module::valid_parameter_filter(module, key, value);
}

array own_part(const std::string& path, const array& parameter, const distributed::Group& group) {
  if (parameter.ndim() == 0 || parameter.shape(0) % group.size() != 0) {
    fail_as<std::invalid_argument>(
        "[fully_shard] {} of shape {} cannot be cut into {} equal parts along its first axis", path,
        to_string(parameter.shape()), group.size());
  }
  return split(parameter, group.size(), 0)[static_cast<size_t>(group.rank())];
}

/// Arrays of one dtype end to end, by processes: [processes, elements of a part].
array laid_out(const Arrays& arrays, int processes) {
  Arrays rows;
  rows.reserve(arrays.size());
  for (const array& a : arrays) rows.push_back(reshape(a, {processes, static_cast<ShapeElem>(a.size()) / processes}));
  return concatenate(std::move(rows), 1);
}

/// The rows of laid_out() as arrays again: `processes` parts of each shape along the first axis.
Arrays taken_apart(const array& rows, const std::vector<Shape>& parts) {
  const auto processes = rows.shape(0);
  Arrays out;
  ShapeElem at = 0;
  for (const Shape& part : parts) {
    ShapeElem size = 1;
    for (const ShapeElem length : part) size *= length;
    Shape whole = part;
    whole[0] *= processes;
    out.push_back(reshape(slice(rows, {0, at}, {processes, at + size}), whole));
    at += size;
  }
  return out;
}

std::vector<Shape> shapes_of(const Arrays& arrays) {
  std::vector<Shape> out;
  out.reserve(arrays.size());
  for (const array& a : arrays) out.push_back(a.shape());
  return out;
}

/// From this process's parts of arrays of one dtype to the whole arrays; gradients come back as the processes' mean.
Arrays gathered(const Arrays& parts, const distributed::Group& group) {
  const auto gather = [group](const Arrays& own) {
    return taken_apart(distributed::all_gather(laid_out(own, 1), group), shapes_of(own));
  };
  const auto scatter = [group](const Arrays& own, const Arrays& cotangents, const Arrays&) {
    const array sum = distributed::sum_scatter(laid_out(cotangents, group.size()), group);
    return taken_apart(sum / Weak(group.size()), shapes_of(own));
  };
  return issubdtype(parts[0].dtype(), inexact) ? custom_vjp(gather, scatter)(parts) : gather(parts);
}

}  // namespace

FullyShardedModule::FullyShardedModule(std::shared_ptr<UnaryModule> inner, const FullyShardOptions& options)
    : group(options.group ? *options.group : distributed::init()),
      compute_dtype(options.compute_dtype),
      module(this, "module", std::move(inner)) {
  module->update(tree_map_with_path(
      [&](const std::string& path, const array& parameter) { return own_part(path, parameter, group); }, parts()));
}

Tree FullyShardedModule::parts() const {
  return module->filter_and_map(is_cut_here);
}

array FullyShardedModule::with_whole_parameters(const std::function<array()>& call) const {
  const Tree own = parts();
  std::vector<std::pair<std::string, array>> leaves = tree_flatten(own);
  // Parts of one dtype travel together.
  std::vector<std::pair<Dtype, std::vector<size_t>>> kinds;
  for (size_t i = 0; i < leaves.size(); ++i) {
    array& part = leaves[i].second;
    if (compute_dtype && issubdtype(part.dtype(), floating)) part = astype(part, *compute_dtype);
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == part.dtype(); });
    if (kind == kinds.end()) kind = kinds.insert(kind, {part.dtype(), {}});
    kind->second.push_back(i);
  }
  for (const auto& [dtype, places] : kinds) {
    Arrays same;
    for (const size_t place : places) same.push_back(leaves[place].second);
    const Arrays whole = gathered(same, group);
    for (size_t i = 0; i < places.size(); ++i) leaves[places[i]].second = whole[i];
  }
  /// Puts the parts back, whatever happens.
  struct Restore {
    const FullyShardedModule& of;
    const Tree& parts;
    ~Restore() { of.module->update(parts); }
  };
  module->update(tree_unflatten(leaves));
  const Restore restore{*this, own};
  return call();
}

array FullyShardedModule::operator()(const array& x) const {
  return with_whole_parameters([&] { return module(x); });
}

array FullyShardedModule::as_linear(const array& x) const {
  const auto* table = dynamic_cast<const EmbeddingTable*>(&module.get());
  if (!table) fail_as<std::invalid_argument>("[as_linear] the module inside is no embedding");
  return with_whole_parameters([&] { return table->as_linear(x); });
}

std::shared_ptr<UnaryModule> fully_shard(std::shared_ptr<UnaryModule> module, const FullyShardOptions& options) {
  const distributed::Group group = options.group ? *options.group : distributed::init();
  if (group.size() == 1 || dynamic_cast<const FullyShardedModule*>(module.get())) return module;
  return std::make_shared<FullyShardedModule>(std::move(module), FullyShardOptions{group, options.compute_dtype});
}

}  // namespace mica::nn
