#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// How exactly a Metal kernel's compiler treats floating point.
enum class MathMode { Safe, Relaxed, Fast };

/// Options of a Metal kernel's compiler.
struct CompileOptions {
  MathMode math_mode = MathMode::Safe;
  bool operator==(const CompileOptions&) const = default;
};

// Kernels in a GPU's language that the caller gives as text. A program that offers them beside another way runs
// everywhere: where the GPU's backend is missing they throw.
namespace fast {

/// An argument of a kernel's template.
using TemplateArg = std::variant<int, bool, Dtype>;
/// A number that is passed to a kernel by value.
using ScalarArg = std::variant<bool, int, float>;

/// Runs a kernel: inputs, shapes and dtypes of the outputs, grid, thread group, template arguments, what outputs are
/// filled with before, whether to print the source, and where.
using CustomKernelFunction = std::function<std::vector<array>(
    const std::vector<array>&, const std::vector<Shape>&, const std::vector<Dtype>&, std::tuple<int, int, int>,
    std::tuple<int, int, int>, std::vector<std::pair<std::string, TemplateArg>>, std::optional<float>, bool,
    StreamOrDevice)>;

/// A Metal kernel. There is no Metal backend: the function that is returned throws std::runtime_error.
CustomKernelFunction metal_kernel(const std::string& name, const std::vector<std::string>& input_names,
                                  const std::vector<std::string>& output_names, const std::string& source,
                                  const std::string& header = "", bool ensure_row_contiguous = true,
                                  bool atomic_outputs = false, const CompileOptions& compile_options = {});

/// A CUDA kernel. Throws std::runtime_error without a CUDA backend.
CustomKernelFunction cuda_kernel(const std::string& name, const std::vector<std::string>& input_names,
                                 const std::vector<std::string>& output_names, const std::string& source,
                                 const std::string& header = "", bool ensure_row_contiguous = true,
                                 int shared_memory = 0);

/// Runs a CUDA kernel that is compiled already. Throws std::runtime_error without a CUDA backend.
std::vector<array> precompiled_cuda_kernel(const std::string& name, const std::string& compiled_source,
                                           const std::vector<array>& inputs, const std::vector<Shape>& output_shapes,
                                           const std::vector<Dtype>& output_dtypes,
                                           const std::vector<ScalarArg>& scalars, std::tuple<int, int, int> grid,
                                           std::tuple<int, int, int> threadgroup, int shared_memory = 0,
                                           std::optional<float> init_value = std::nullopt,
                                           bool ensure_row_contiguous = false, StreamOrDevice s = {});

}  // namespace fast

namespace metal {
/// Whether Metal can be used: no.
bool is_available();
}  // namespace metal

namespace cu {
/// Whether CUDA can be used.
bool is_available();
}  // namespace cu

namespace gpu {
/// Whether there is a GPU to compute on.
bool is_available();
/// How many.
int device_count();
}  // namespace gpu

}  // namespace mica
