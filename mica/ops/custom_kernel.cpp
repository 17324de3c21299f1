#include "mica/ops/custom_kernel.h"

#include <stdexcept>

#include "mica/array/device.h"
#include "mica/base/error.h"

namespace mica {
namespace fast {

CustomKernelFunction metal_kernel(const std::string& name, const std::vector<std::string>&,
                                  const std::vector<std::string>&, const std::string&, const std::string&, bool, bool,
                                  const CompileOptions&) {
  return
      [name](const std::vector<array>&, const std::vector<Shape>&, const std::vector<Dtype>&, std::tuple<int, int, int>,
             std::tuple<int, int, int>, const std::vector<std::pair<std::string, TemplateArg>>&, std::optional<float>,
             bool, StreamOrDevice) -> std::vector<array> {
        fail_as<std::runtime_error>("[metal_kernel] {} cannot run: there is no Metal backend", mica::quoted(name));
      };
}

CustomKernelFunction cuda_kernel(const std::string& name, const std::vector<std::string>&,
                                 const std::vector<std::string>&, const std::string&, const std::string&, bool, int) {
  fail_as<std::runtime_error>("[cuda_kernel] {} cannot run: there is no CUDA backend", mica::quoted(name));
}

std::vector<array> precompiled_cuda_kernel(const std::string& name, const std::string&, const std::vector<array>&,
                                           const std::vector<Shape>&, const std::vector<Dtype>&,
                                           const std::vector<ScalarArg>&, std::tuple<int, int, int>,
                                           std::tuple<int, int, int>, int, std::optional<float>, bool, StreamOrDevice) {
  fail_as<std::runtime_error>("[precompiled_cuda_kernel] {} cannot run: there is no CUDA backend", mica::quoted(name));
}

}  // namespace fast

bool metal::is_available() {
  return false;
}

bool cu::is_available() {
  return mica::is_available(Device(Device::gpu));
}

bool gpu::is_available() {
  return mica::is_available(Device(Device::gpu));
}

int gpu::device_count() {
  return mica::device_count(Device::gpu);
}

}  // namespace mica
