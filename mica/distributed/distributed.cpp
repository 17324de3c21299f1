#include "mica/distributed/distributed.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/distributed/group.h"

namespace mica::distributed {
namespace {

class SingleGroup final : public GroupImpl {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::shared_ptr<GroupImpl> split(int, int) const override {
    fail_as<std::invalid_argument>("[split] a group of one process cannot be split");
  }
  // The operations give their argument back without a primitive: what arrives here comes from an imported function.
  void all_reduce(std::span<std::byte>, Dtype, Reduction) const override {}
  void all_gather(std::span<const std::byte> part, std::span<std::byte> out) const override {
    std::ranges::copy(part, out.begin());
  }
  void sum_scatter(std::span<const std::byte> in, std::span<std::byte> out, Dtype) const override {
    std::ranges::copy(in, out.begin());
  }
  // Their primitives refuse a group of one.
  void send(std::span<const std::byte>, int) const override {}
  void recv(std::span<std::byte>, int) const override {}
};

struct Groups {
  std::mutex mutex;
  std::map<std::string, Group> made;
};

Groups& groups() {
  static auto* all = new Groups;  // NOLINT(cppcoreguidelines-owning-memory): streams may outlive main
  return *all;
}

void check_backend(const std::string& bk) {
  for (const char* known : {"any", "mpi", "ring", "nccl", "jaccl"}) {
    if (bk == known) return;
  }
  fail_as<std::invalid_argument>("[distributed] {} is no backend; there are \"any\" and \"mpi\"", mica::quoted(bk));
}

std::shared_ptr<GroupImpl> connect(bool strict, const std::string& bk) {
  if (bk == "any" && !launched_by_mpi()) {
    if (strict) {
      fail_as<std::runtime_error>("[distributed] this is a single process; start several with mpirun -n N program");
    }
    return single_group();
  }
  if (bk != "any" && bk != "mpi") {
    if (strict) fail_as<std::runtime_error>("[distributed] the backend {} is not here; \"mpi\" is", bk);
    return single_group();
  }
  if (strict || mpi_available()) return mpi_group();
  return single_group();
}

}  // namespace

int Group::rank() const {
  return impl_->rank();
}

int Group::size() const {
  return impl_->size();
}

Group Group::split(int color, int key) const {
  return Group(impl_->split(color, key < 0 ? rank() : key));
}

std::shared_ptr<GroupImpl> single_group() {
  return std::make_shared<SingleGroup>();
}

bool is_available(const std::string& bk) {
  return (bk == "any" || bk == "mpi") && mpi_available();
}

Group init(bool strict, const std::string& bk) {
  check_backend(bk);
  Groups& all = groups();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.made.find(bk); found != all.made.end()) {
    if (!strict || found->second.size() > 1) return found->second;
  }
  return all.made.insert_or_assign(bk, Group(connect(strict, bk))).first->second;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): MLX's signature
Group init(bool strict, const std::string& bk, AllGatherFactory) {
  if (bk != "jaccl") {
    fail_as<std::invalid_argument>("[distributed] the backend {} takes no factory; \"jaccl\" does", mica::quoted(bk));
  }
  return init(strict, bk);
}

void clear_backends() {
  Groups& all = groups();
  const std::lock_guard lock(all.mutex);
  all.made.clear();
}

}  // namespace mica::distributed
