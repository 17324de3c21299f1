#include "mica/transforms/compile.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <list>
#include <mutex>

#include "mica/array/evaluate.h"
#include "mica/array/primitive.h"
#include "mica/array/tracing.h"
#include "mica/transforms/program.h"

namespace mica {
namespace {

using Function = std::function<std::vector<array>(const std::vector<array>&)>;

/// Traces of a shapeless function that are kept.
constexpr size_t kShapelessTraces = 16;

std::atomic<CompileMode>& compile_mode() {
  static std::atomic<CompileMode> mode = std::getenv("MICA_DISABLE_COMPILE") || std::getenv("MLX_DISABLE_COMPILE")
                                             ? CompileMode::disabled
                                             : CompileMode::enabled;
  return mode;
}

/// The function compiled for inputs of certain shapes and dtypes.
struct Trace {
  std::vector<OutputSpec> inputs;
  Stream stream;
  CompileMode mode;
  FlatGraph graph;
  /// Null when the nodes are on several streams.
  std::shared_ptr<Primitive> program;

  bool is_for(const std::vector<array>& given, const Stream& default_stream, CompileMode current) const {
    return inputs.size() == given.size() && stream == default_stream && mode == current &&
           std::equal(given.begin(), given.end(), inputs.begin(), [](const array& a, const OutputSpec& spec) {
             return a.dtype() == spec.dtype && a.shape() == spec.shape;
           });
  }

  std::vector<array> run(const std::vector<array>& given) const {
    if (graph.outputs.empty()) return {};
    return program ? make_arrays(program, given) : replay(graph, given);
  }
};

void compute_constants(FlatGraph& graph) {
  std::vector<array> constants;
  for (const auto& constant : graph.constants) {
    if (constant) constants.push_back(*constant);
  }
  eval(constants);
}

/// The stream of all nodes, if it is the same.
std::optional<Stream> common_stream(const FlatGraph& graph) {
  std::optional<Stream> stream;
  for (const FlatGraph::Node& node : graph.nodes) {
    if (stream && *stream != node.primitive->stream()) return std::nullopt;
    stream = node.primitive->stream();
  }
  return stream;
}

std::shared_ptr<const Trace> trace(const Function& fun, const std::vector<array>& inputs, const Stream& stream,
                                   CompileMode mode) {
  auto out = std::make_shared<Trace>(Trace{{}, stream, mode, {}, nullptr});
  for (const array& input : inputs) out->inputs.push_back({input.shape(), input.dtype()});
  {
    const Tracing tracing;
    std::vector<array> placeholders;
    for (const OutputSpec& spec : out->inputs) {
      placeholders.emplace_back(spec.shape, spec.dtype, nullptr, std::vector<array>{});
      placeholders.back().set_tracer(true);
    }
    out->graph = capture(placeholders, fun(placeholders));
  }
  if (mode != CompileMode::no_simplify) simplify(out->graph);
  if (mode != CompileMode::no_fuse) fuse(out->graph);
  compute_constants(out->graph);
  const auto common = common_stream(out->graph);
  if (common) out->program = std::make_shared<Program>(*common, out->graph);
  return out;
}

/// A compiled function: its traces, the one used last in front.
class Compiled {
 public:
  Compiled(Function fun, bool shapeless) : fun_(std::move(fun)), shapeless_(shapeless) {}

  std::vector<array> operator()(const std::vector<array>& inputs) {
    const CompileMode mode = compile_mode();
    if (mode == CompileMode::disabled || Tracing::current() != 0) return fun_(inputs);
    return find(inputs, mode)->run(inputs);
  }

 private:
  std::shared_ptr<const Trace> find(const std::vector<array>& inputs, CompileMode mode) {
    const Stream stream = default_stream(default_device());
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(traces_.begin(), traces_.end(), [&](const auto& t) { return t->is_for(inputs, stream, mode); });
    if (found != traces_.end()) {
      traces_.splice(traces_.begin(), traces_, found);
    } else {
      traces_.push_front(trace(fun_, inputs, stream, mode));
      if (shapeless_ && traces_.size() > kShapelessTraces) traces_.pop_back();
    }
    return traces_.front();
  }

  Function fun_;
  bool shapeless_;
  std::mutex mutex_;
  std::list<std::shared_ptr<const Trace>> traces_;
};

}  // namespace

Function compile(Function fun, bool shapeless) {
  const auto compiled = std::make_shared<Compiled>(std::move(fun), shapeless);
  return [compiled](const std::vector<array>& inputs) { return (*compiled)(inputs); };
}

Function compile(std::vector<array> (*fun)(const std::vector<array>&), bool shapeless) {
  return compile(Function(fun), shapeless);
}

void disable_compile() {
  compile_mode() = CompileMode::disabled;
}

void enable_compile() {
  compile_mode() = CompileMode::enabled;
}

void set_compile_mode(CompileMode mode) {
  compile_mode() = mode;
}

}  // namespace mica
