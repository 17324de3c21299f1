#include <algorithm>

#include "mica/base/error.h"
#include "mica/transforms/function_file.h"

namespace mica::detail {

bool TraceSignature::accepts(const TraceSignature& given, bool shapeless) const {
  return keywords == given.keywords &&
         std::equal(inputs.begin(), inputs.end(), given.inputs.begin(), given.inputs.end(),
                    [&](const OutputSpec& a, const OutputSpec& b) {
                      return a.dtype == b.dtype && (shapeless ? a.shape.size() == b.shape.size() : a.shape == b.shape);
                    });
}

std::string TraceSignature::described() const {
  const size_t positional = inputs.size() - keywords.size();
  std::string out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0) out += ", ";
    if (i >= positional) out += mica::quoted(keywords[i - positional]) + ": ";
    out += to_string(inputs[i].shape) + " " + std::string(dtype_name(inputs[i].dtype));
  }
  return "(" + out + ")";
}

TraceSignature NamedTrace::signature() const {
  const auto end = graph.values.begin() + static_cast<int64_t>(graph.input_count);
  return {{graph.values.begin(), end}, keywords};
}

}  // namespace mica::detail
