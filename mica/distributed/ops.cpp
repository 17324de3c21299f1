#include "mica/distributed/ops.h"

#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::distributed {
namespace {

std::shared_ptr<GroupImpl> group_of(const std::optional<Group>& group) {
  return group ? group->raw_group() : init().raw_group();
}

array all_reduce(const array& x, Reduction reduction, const std::optional<Group>& group, StreamOrDevice s) {
  auto members = group_of(group);
  return members->size() == 1 ? x : apply<AllReduce>({x}, to_stream(s), std::move(members), reduction);
}

/// The group has other processes, one of them with that rank.
void check_rank(const GroupImpl& group, int rank, std::string_view op) {
  if (group.size() == 1) fail_as<std::invalid_argument>("[{}] a group of one process has no other to talk to", op);
  if (rank < 0 || rank >= group.size()) {
    fail_as<std::invalid_argument>("[{}] there is no process {} in a group of {}", op, rank, group.size());
  }
}

/// This process's part of an array along its first axis.
array own_part(const array& all, const GroupImpl& group, StreamOrDevice s) {
  const ShapeElem length = all.shape(0) / group.size();
  Shape start(all.ndim(), 0);
  Shape stop = all.shape();
  start[0] = length * group.rank();
  stop[0] = start[0] + length;
  return slice(all, start, stop, s);
}

}  // namespace

std::vector<OutputSpec> AllReduce::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<array> AllReduce::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>& outputs) const {
  if (reduction == Reduction::sum) return cotangents;
  // Of a largest or smallest value: to those that are it.
  return {where(equal(primals[0], outputs[0], stream()), cotangents[0], zeros_like(cotangents[0], stream()), stream())};
}

std::vector<array> AllReduce::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                  const std::vector<int>& argnums) const {
  if (reduction != Reduction::sum) return Primitive::jvp(primals, tangents, argnums);
  return {apply<AllReduce>({tangents[0]}, stream(), group, reduction)};
}

std::pair<std::vector<array>, std::vector<int>> AllReduce::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  return {{apply<AllReduce>({inputs[0]}, stream(), group, reduction)}, axes};
}

std::vector<OutputSpec> AllGather::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  Shape shape = inputs[0].shape();
  if (shape.empty()) shape = {1};
  if (shape[0] > std::numeric_limits<ShapeElem>::max() / group->size()) {
    fail_as<std::invalid_argument>("[all_gather] {} of each of {} processes", to_string(shape), group->size());
  }
  shape[0] *= group->size();
  return {{std::move(shape), inputs[0].dtype()}};
}

std::vector<array> AllGather::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>&) const {
  return {reshape(own_part(cotangents[0], *group, stream()), primals[0].shape(), stream())};
}

std::vector<array> AllGather::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                  const std::vector<int>&) const {
  return {apply<AllGather>({tangents[0]}, stream(), group)};
}

std::vector<OutputSpec> SumScatter::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  Shape shape = inputs[0].shape();
  if (shape.empty() || shape[0] % group->size() != 0) {
    fail_as<std::invalid_argument>("[sum_scatter] the first axis of {} does not divide among {} processes",
                                   to_string(shape), group->size());
  }
  shape[0] /= group->size();
  return {{std::move(shape), inputs[0].dtype()}};
}

std::vector<array> SumScatter::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                   const std::vector<int>&, const std::vector<array>&) const {
  return {apply<AllGather>({cotangents[0]}, stream(), group)};
}

std::vector<array> SumScatter::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                   const std::vector<int>&) const {
  return {apply<SumScatter>({tangents[0]}, stream(), group)};
}

std::vector<OutputSpec> Send::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_rank(*group, dst, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> Recv::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 0, name());
  check_rank(*group, src, name());
  for (const ShapeElem length : shape) {
    if (length < 0) fail_as<std::invalid_argument>("[recv] there are no arrays of shape {}", to_string(shape));
  }
  return {{shape, dtype}};
}

array all_sum(const array& x, const std::optional<Group>& group, StreamOrDevice s) {
  return all_reduce(x, Reduction::sum, group, s);
}

array all_max(const array& x, const std::optional<Group>& group, StreamOrDevice s) {
  return all_reduce(x, Reduction::max, group, s);
}

array all_min(const array& x, const std::optional<Group>& group, StreamOrDevice s) {
  return all_reduce(x, Reduction::min, group, s);
}

array all_gather(const array& x, const std::optional<Group>& group, StreamOrDevice s) {
  auto members = group_of(group);
  return members->size() == 1 ? x : apply<AllGather>({x}, to_stream(s), std::move(members));
}

array sum_scatter(const array& x, const std::optional<Group>& group, StreamOrDevice s) {
  auto members = group_of(group);
  return members->size() == 1 ? x : apply<SumScatter>({x}, to_stream(s), std::move(members));
}

array send(const array& x, int dst, const std::optional<Group>& group, StreamOrDevice s) {
  return apply<Send>({x}, to_stream(s), group_of(group), dst);
}

array recv(Shape shape, Dtype dtype, int src, const std::optional<Group>& group, StreamOrDevice s) {
  array out = apply<Recv>({}, to_stream(s), group_of(group), src, std::move(shape), dtype);
  // Without inputs it would be a constant of the function that is being traced.
  out.set_tracer(true);
  return out;
}

array recv_like(const array& x, int src, const std::optional<Group>& group, StreamOrDevice s) {
  return recv(x.shape(), x.dtype(), src, group, s);
}

}  // namespace mica::distributed
