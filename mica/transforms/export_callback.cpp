#include "mica/transforms/export_callback.h"

#include "mica/transforms/primitive_table.h"

namespace mica::detail {
namespace {

/// A, B … Z, AA, AB …
std::string letters(size_t number) {
  std::string out(1, static_cast<char>('A' + number % 26));
  while (number >= 26) {
    number = number / 26 - 1;
    out.insert(out.begin(), static_cast<char>('A' + number % 26));
  }
  return out;
}

/// Names of values, given when they are first asked for.
class Names {
 public:
  explicit Names(const FlatGraph& graph) : graph_(graph), names_(graph.values.size()) {}

  const std::string& of(int value) {
    std::string& name = names_[static_cast<size_t>(value)];
    if (name.empty()) name = letters(next_++);
    return name;
  }

  std::vector<std::tuple<std::string, Shape, Dtype>> described(const std::vector<int>& values) {
    std::vector<std::tuple<std::string, Shape, Dtype>> out;
    for (const int value : values) {
      const OutputSpec& spec = graph_.values[static_cast<size_t>(value)];
      out.emplace_back(of(value), spec.shape, spec.dtype);
    }
    return out;
  }

 private:
  const FlatGraph& graph_;
  std::vector<std::string> names_;
  size_t next_ = 0;
};

ExportCallbackInput message(const char* type) {
  return {{"type", std::string(type)}};
}

}  // namespace

void CallbackSink::add(const NamedTrace& trace) {
  const FlatGraph& graph = trace.graph;
  Names names(graph);
  std::vector<int> inputs;
  inputs.reserve(graph.input_count);
  for (size_t i = 0; i < graph.input_count; ++i) inputs.push_back(static_cast<int>(i));
  ExportCallbackInput told = message("inputs");
  told.emplace("inputs", names.described(inputs));
  callback_(told);

  std::vector<std::pair<std::string, std::string>> keywords;
  keywords.reserve(trace.keywords.size());
  for (size_t i = 0; i < trace.keywords.size(); ++i) {
    keywords.emplace_back(trace.keywords[i], names.of(inputs[trace.positional() + i]));
  }
  told = message("keyword_inputs");
  told.emplace("keywords", std::move(keywords));
  callback_(told);

  told = message("outputs");
  told.emplace("outputs", names.described(graph.outputs));
  callback_(told);

  std::vector<std::pair<std::string, array>> constants;
  for (size_t v = 0; v < graph.constants.size(); ++v) {
    const std::optional<array>& constant = graph.constants[v];
    if (constant) constants.emplace_back(names.of(static_cast<int>(v)), *constant);
  }
  told = message("constants");
  told.emplace("constants", std::move(constants));
  callback_(told);

  for (const FlatGraph::Node& node : graph.nodes) {
    const PrimitiveKind& kind = kind_of(*node.primitive);
    told = message("primitive");
    told.emplace("name", std::string(node.primitive->name()));
    told.emplace("inputs", names.described(node.inputs));
    told.emplace("outputs", names.described(node.outputs));
    told.emplace("arguments", kind.state(*node.primitive));
    callback_(told);
  }
}

}  // namespace mica::detail
