#pragma once

#include <iosfwd>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>

namespace mica {

/// Where an operation runs: a kind of processor and its number.
struct Device {
  enum class DeviceType { cpu, gpu };
  static constexpr DeviceType cpu = DeviceType::cpu;
  static constexpr DeviceType gpu = DeviceType::gpu;

  Device(DeviceType device_type, int device_index = 0)  // NOLINT(google-explicit-constructor)
      : type(device_type), index(device_index) {}

  DeviceType type;
  int index;

  bool operator==(const Device&) const = default;
  bool operator<(const Device& other) const { return std::tie(type, index) < std::tie(other.type, other.index); }
};

/// Whether the device is of the type.
inline bool operator==(const Device& device, Device::DeviceType type) {
  return device.type == type;
}

/// The device of operations that name none. The GPU when there is one, else the CPU.
Device default_device();

/// Throws std::invalid_argument when there is no such device.
void set_default_device(const Device& device);

/// Whether there is such a device; how many of a type.
bool is_available(const Device& device);
int device_count(Device::DeviceType type);

/// Properties of a device: device_name, architecture (of a CPU the instruction set that kernels are chosen for),
/// total_memory, cores.
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    const Device& device = default_device());

/// "Device(cpu, 0)".
std::ostream& operator<<(std::ostream& os, const Device& device);

}  // namespace mica
