#pragma once

#include <memory>
#include <optional>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/distributed/distributed.h"
#include "mica/distributed/group.h"

namespace mica::distributed {

// Without a group: that of init(). Every process of the group must compute the same operations in the same order. In a
// group of one the collective operations give x itself. Functions with these operations can be exported; imported, they
// work among all processes of the program that imports them, whatever the group was.

/// The elementwise sum over all processes.
array all_sum(const array& x, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});
array all_max(const array& x, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});
array all_min(const array& x, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});

/// The arrays of all processes one after the other along the first axis; scalars become an array of one axis.
array all_gather(const array& x, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});

/// The sum over all processes cut along the first axis, of which process r gets part r. Throws std::invalid_argument
/// when the axis does not divide by the group's size.
array sum_scatter(const array& x, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});

/// Sends x to process `dst` when the result, x itself, is computed. Throws std::invalid_argument for a rank that is not
/// in the group and in a group of one.
array send(const array& x, int dst, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});

/// What process `src` sends; shape and dtype must be those of what is sent.
array recv(Shape shape, Dtype dtype, int src, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});
/// recv() of an array like x.
array recv_like(const array& x, int src, const std::optional<Group>& group = std::nullopt, StreamOrDevice s = {});

/// Elements added up, or the largest or smallest, over the processes; of one shape and dtype in all of them.
struct AllReduce final : PrimitiveOf<AllReduce> {
  AllReduce(Stream stream, std::shared_ptr<GroupImpl> members, Reduction what)
      : PrimitiveOf(stream), group(std::move(members)), reduction(what) {}
  std::string_view name() const override { return "all_reduce"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(group, reduction); }
  std::shared_ptr<GroupImpl> group;
  Reduction reduction;
};

/// The arrays of all processes one after the other along the first axis.
struct AllGather final : PrimitiveOf<AllGather> {
  AllGather(Stream stream, std::shared_ptr<GroupImpl> members) : PrimitiveOf(stream), group(std::move(members)) {}
  std::string_view name() const override { return "all_gather"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  auto fields() const { return std::tie(group); }
  std::shared_ptr<GroupImpl> group;
};

/// This process's part, along the first axis, of the sum over the processes.
struct SumScatter final : PrimitiveOf<SumScatter> {
  SumScatter(Stream stream, std::shared_ptr<GroupImpl> members) : PrimitiveOf(stream), group(std::move(members)) {}
  std::string_view name() const override { return "sum_scatter"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  auto fields() const { return std::tie(group); }
  std::shared_ptr<GroupImpl> group;
};

/// Sends its input to process `dst`, and is it.
struct Send final : PrimitiveOf<Send> {
  Send(Stream stream, std::shared_ptr<GroupImpl> members, int destination)
      : PrimitiveOf(stream), group(std::move(members)), dst(destination) {}
  std::string_view name() const override { return "send"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(group, dst); }
  /// What is sent twice arrives twice.
  bool is_equivalent(const Primitive&) const override { return false; }
  std::shared_ptr<GroupImpl> group;
  int dst;
};

/// What process `src` sends, which must have this shape and dtype.
struct Recv final : PrimitiveOf<Recv> {
  Recv(Stream stream, std::shared_ptr<GroupImpl> members, int source, Shape out_shape, Dtype out_dtype)
      : PrimitiveOf(stream), group(std::move(members)), src(source), shape(std::move(out_shape)), dtype(out_dtype) {}
  std::string_view name() const override { return "recv"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(group, src, shape, dtype); }
  /// What arrives next is something else.
  bool is_equivalent(const Primitive&) const override { return false; }
  std::shared_ptr<GroupImpl> group;
  int src;
  Shape shape;
  Dtype dtype;
};

}  // namespace mica::distributed
