#include "mica/array/backend.h"

#include <array>
#include <mutex>
#include <stdexcept>

#include "mica/base/error.h"

namespace mica {
namespace {

struct Registry {
  std::mutex mutex;
  std::array<std::shared_ptr<const Backend>, 2> backends;
  Registry() { backends[0] = make_cpu_backend(); }
};

Registry& registry() {
  // Never destroyed: a stream may be at work when the program ends.
  static auto* instance = new Registry;  // NOLINT(cppcoreguidelines-owning-memory)
  return *instance;
}

}  // namespace

const Backend& backend(Device::DeviceType type) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto& found = r.backends[static_cast<size_t>(type)];
  if (!found) fail_as<std::invalid_argument>("[device] this machine has no usable GPU backend");
  return *found;
}

std::shared_ptr<const Backend> set_backend(Device::DeviceType type, std::shared_ptr<const Backend> backend) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  return std::exchange(r.backends[static_cast<size_t>(type)], std::move(backend));
}

bool has_backend(Device::DeviceType type) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  return r.backends[static_cast<size_t>(type)] != nullptr;
}

}  // namespace mica
