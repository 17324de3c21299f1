#pragma once

#include <algorithm>
#include <string>

#include "mica/array/evaluate.h"
#include "mica/ops/create.h"
#include "mica/transforms/function_file.h"
#include "mica/transforms/shapeless.h"

namespace mica {

/// Reads a file of functions and runs those of its traces whose arrays all have at most `max_elements` elements, on
/// arguments of ones. Throws what reading and running throw.
inline void run_imported(const std::string& path, size_t max_elements = 1024) {
  const detail::ExportedFunctions functions = detail::read_function_file(path);
  for (const detail::NamedTrace& trace : functions.traces) {
    const auto size = [](const OutputSpec& spec) { return array(spec.shape, spec.dtype, nullptr, {}).size(); };
    const auto& values = trace.graph.values;
    if (std::any_of(values.begin(), values.end(), [&](const OutputSpec& v) { return size(v) > max_elements; }))
      continue;
    std::vector<array> inputs;
    inputs.reserve(trace.graph.input_count);
    for (size_t i = 0; i < trace.graph.input_count; ++i) inputs.push_back(ones(values[i].shape, values[i].dtype));
    eval(functions.shapeless ? replay_shapeless(trace.graph, inputs) : replay(trace.graph, inputs));
  }
}

}  // namespace mica
