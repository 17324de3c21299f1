#pragma once

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
bool is_available(const std::string& bk = "any");

/// The group of all processes. `bk`: "mpi"; or "any", which is MPI when the program was started by its launcher
/// (mpirun, srun). Otherwise a group of one, on which the operations give their argument back; with `strict` a
/// std::runtime_error that says what is missing. Later calls give the same group.
Group init(bool strict = false, const std::string& bk = "any");

/// Forgets the groups that init() made.
void clear_backends();

}  // namespace mica::distributed
