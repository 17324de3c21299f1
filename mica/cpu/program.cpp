// Runs compiled functions: a flat list of kernel calls. The arrays between them are made once and used in every run;
// only their memory comes and goes, so that each is overwritten in place where its last reader can do so.
#include "mica/transforms/program.h"

#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

class Runner {
 public:
  Runner(const Backend& backend, const FlatGraph& graph) : graph_(graph), arrays_(graph.constants) {
    std::vector<bool> is_kept(graph.values.size(), false);
    for (size_t v = 0; v < graph.values.size(); ++v) is_kept[v] = graph.constants[v].has_value();
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const auto v = static_cast<size_t>(graph.outputs[i]);
      is_kept[v] = true;
    }
    std::vector<bool> is_read(graph.values.size(), false);
    for (size_t n = graph.nodes.size(); n-- > 0;) {
      const FlatGraph::Node& node = graph.nodes[n];
      Step step{backend.find(node.primitive->id()), node.primitive.get(), {}, {}, {}, {}, {}};
      if (!step.kernel) {
        fail_as<std::runtime_error>("[{}] the {} backend has no such operation", step.primitive->name(),
                                    backend.name());
      }
      for (size_t j = node.inputs.size(); j-- > 0;) {
        const auto v = static_cast<size_t>(node.inputs[j]);
        step.reads.insert(step.reads.begin(), {v, !is_read[v] && !is_kept[v]});
        is_read[v] = true;
      }
      for (const int output : node.outputs) step.writes.push_back(static_cast<size_t>(output));
      // What nobody reads is dropped right away.
      for (const size_t v : step.writes) {
        if (!is_read[v] && !is_kept[v]) step.unused.push_back(v);
      }
      step.inputs.reserve(step.reads.size());
      step.outputs.reserve(step.writes.size());
      steps_.insert(steps_.begin(), std::move(step));
    }
    for (size_t v = graph.input_count; v < graph.values.size(); ++v) {
      if (!arrays_[v] && !is_kept[v]) {
        arrays_[v] = array(graph.values[v].shape, graph.values[v].dtype, nullptr, {});
      }
    }
  }

  void run(std::span<array> inputs, std::span<array> outputs) {
    for (size_t i = 0; i < inputs.size(); ++i) arrays_[i] = std::move(inputs[i]);
    // A value that is an output several times, or an input or constant, is shared at the end.
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto v = static_cast<size_t>(graph_.outputs[i]);
      if (!arrays_[v]) arrays_[v] = outputs[i];
    }
    for (Step& step : steps_) run(step);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto v = static_cast<size_t>(graph_.outputs[i]);
      if (arrays_[v]->id() != outputs[i].id()) outputs[i].share_buffer(*arrays_[v]);
    }
    for (const int output : graph_.outputs) {
      const auto v = static_cast<size_t>(output);
      if (!graph_.constants[v]) arrays_[v].reset();
    }
    for (size_t i = 0; i < inputs.size(); ++i) arrays_[i].reset();
  }

 private:
  struct Read {
    size_t value;
    bool is_last;
  };
  struct Step {
    Kernel kernel;
    const Primitive* primitive;
    std::vector<Read> reads;
    std::vector<size_t> writes;
    std::vector<size_t> unused;
    std::vector<array> inputs;
    std::vector<array> outputs;
  };

  void run(Step& step) {
    // The kernel's handle is the only one to what is read for the last time: it may take its memory over.
    for (const Read& read : step.reads) {
      if (read.is_last) {
        step.inputs.push_back(std::move(*arrays_[read.value]));
      } else {
        step.inputs.push_back(*arrays_[read.value]);
      }
    }
    for (const size_t v : step.writes) step.outputs.push_back(*arrays_[v]);
    step.kernel(*step.primitive, step.inputs, step.outputs);
    for (size_t j = 0; j < step.reads.size(); ++j) {
      // Arrays of the caller are let go; those of the program stay, without memory.
      if (!step.reads[j].is_last || step.reads[j].value < graph_.input_count) continue;
      step.inputs[j].drop_data();
      arrays_[step.reads[j].value] = std::move(step.inputs[j]);
    }
    for (const size_t v : step.unused) arrays_[v]->drop_data();
    step.inputs.clear();
    step.outputs.clear();
  }

  const FlatGraph& graph_;
  std::vector<std::optional<array>> arrays_;
  std::vector<Step> steps_;
};

void program(const Program& primitive, std::span<array> inputs, std::span<array> outputs) {
  const std::lock_guard lock(primitive.derived.mutex);
  auto runner = std::static_pointer_cast<Runner>(std::exchange(primitive.derived.value, nullptr));
  if (!runner) runner = std::make_shared<Runner>(backend(primitive.device().type), primitive.graph);
  runner->run(inputs, outputs);
  // After an error the arrays may be anywhere: the next run starts with a new runner.
  primitive.derived.value = std::move(runner);
}

}  // namespace

void register_program(Backend& backend) {
  backend.add<Program, program>();
}

}  // namespace mica::cpu
