#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace mica::distributed {

class GroupImpl;

/// Processes that compute together; this one is number rank() of size().
class Group {
 public:
  explicit Group(std::shared_ptr<GroupImpl> impl) : impl_(std::move(impl)) {}

  int rank() const;
  int size() const;

  /// The processes that call with the same `color` as a group of their own, ordered by `key` (negative: by rank).
  /// Every process of this group must call it. Throws std::invalid_argument for a group of one.
  Group split(int color, int key = -1) const;

  const std::shared_ptr<GroupImpl>& raw_group() const { return impl_; }

 private:
  std::shared_ptr<GroupImpl> impl_;
};

/// Whether processes can be connected at all, or through `bk`: "mpi" (a library libmpi is there), or "any".
bool is_available(const std::string& bk);
inline bool is_available() {
  return is_available("any");
}

/// Gives every process the bytes of all: own bytes, room for those of all processes in order of their ranks, and the
/// number of own bytes.
using AllGatherFn = std::function<void(const char*, char*, size_t)>;
/// Makes an AllGatherFn for the process of that rank in a group of that size.
using AllGatherFactory = std::function<AllGatherFn(int, int)>;

/// The group of all processes. `bk`: "mpi"; or "any", which is MPI when the program was started by its launcher
/// (mpirun, srun); MLX's other backends (ring, nccl, jaccl) are not here. Otherwise a group of one, on which the
/// operations give their argument back; with `strict` a std::runtime_error that says what is missing. Later calls give
/// the same group.
Group init(bool strict = false, const std::string& bk = "any");

/// With a way to exchange the addresses of MLX's backend "jaccl", which is not here: a group of one, or with `strict` a
/// std::runtime_error. Throws std::invalid_argument for another backend.
Group init(bool strict, const std::string& bk, AllGatherFactory factory);

/// Forgets the groups that init() made.
void clear_backends();

}  // namespace mica::distributed
