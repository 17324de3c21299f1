#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "mica/array/dtype.h"

namespace mica::distributed {

/// What is made of the elements of all processes.
enum class Reduction { sum, max, min };

/// What connects the processes of a group. Buffers hold `dtype` elements in C order; every process of the group makes
/// the same calls in the same order. Throws std::runtime_error when the connection fails.
class GroupImpl {
 public:
  GroupImpl() = default;
  virtual ~GroupImpl() = default;
  GroupImpl(const GroupImpl&) = delete;
  GroupImpl& operator=(const GroupImpl&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::shared_ptr<GroupImpl> split(int color, int key) const = 0;

  /// In place.
  virtual void all_reduce(std::span<std::byte> data, Dtype dtype, Reduction reduction) const = 0;
  /// `out`: the parts of all processes by rank.
  virtual void all_gather(std::span<const std::byte> part, std::span<std::byte> out) const = 0;
  /// `out`: this process's part of the sum of all `in`.
  virtual void sum_scatter(std::span<const std::byte> in, std::span<std::byte> out, Dtype dtype) const = 0;
  virtual void send(std::span<const std::byte> data, int destination) const = 0;
  virtual void recv(std::span<std::byte> data, int source) const = 0;
};

/// The group of one.
std::shared_ptr<GroupImpl> single_group();

/// All processes of the MPI run. Throws std::runtime_error when there is no usable library.
std::shared_ptr<GroupImpl> mpi_group();

/// Whether a library libmpi can be loaded.
bool mpi_available();

/// Whether an MPI launcher started this process.
bool launched_by_mpi();

}  // namespace mica::distributed
