// Runs compiled functions: a flat list of kernel calls. The arrays between them are made once and used in every run.
// Small ones keep their memory; that of large ones comes and goes, so that each is overwritten in place where its last
// reader can do so.
#include "mica/transforms/program.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/small_vector.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Arrays of up to this size keep their memory between runs, as long as it is not more than the limit together: they
/// are most of the arrays of graphs in which the time for memory matters.
constexpr size_t kResidentBytes = 16 << 10;
constexpr size_t kResidentLimit = 1 << 20;

class Runner {
 public:
  Runner(const Backend& backend, const FlatGraph& graph)
      : backend_(&backend), graph_(graph), arrays_(graph.values.size(), none_), resident_(graph.values.size(), false) {
    for (size_t v = 0; v < graph.constants.size(); ++v) {
      if (const auto& constant = graph.constants[v]) arrays_[v] = *constant;
    }
    choose_residents();
    const std::vector<bool> kept = kept_values();
    std::vector<bool> is_read(graph.values.size(), false);
    for (size_t n = graph.nodes.size(); n-- > 0;) steps_.push_back(make_step(graph.nodes[n], kept, is_read));
    std::reverse(steps_.begin(), steps_.end());
    tell_what_comes_next();
  }

  bool is_for(const Backend& backend) const { return backend_ == &backend; }

  void run(std::span<array> inputs, std::span<array> outputs) {
    for (size_t i = 0; i < inputs.size(); ++i) arrays_[i] = std::move(inputs[i]);
    // A value that is an output several times, or an input or constant, is shared at the end.
    for (size_t i = 0; i < outputs.size(); ++i) {
      array& slot = arrays_[static_cast<size_t>(graph_.outputs[i])];
      if (slot.id() == none_.id()) slot = outputs[i];
    }
    for (const Step& step : steps_) run(step);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const array& slot = arrays_[static_cast<size_t>(graph_.outputs[i])];
      if (slot.id() != outputs[i].id()) outputs[i].share_buffer(slot);
    }
    for (const int output : graph_.outputs) {
      const auto v = static_cast<size_t>(output);
      if (!graph_.constants[v]) arrays_[v] = none_;
    }
    for (size_t i = 0; i < inputs.size(); ++i) arrays_[i] = none_;
    for (const size_t v : sharing_) arrays_[v].drop_data();
    sharing_.clear();
  }

 private:
  struct Read {
    size_t value;
    bool is_last;
  };
  struct Step {
    Kernel kernel;
    const Primitive* primitive;
    std::optional<PreparedKernel> prepared;  ///< runs instead of the kernel
    LoopReads next;                          ///< of the next prepared kernel
    SmallVector<Read> reads;
    SmallVector<size_t> writes;
    SmallVector<size_t> unused;  ///< what is written and never read
  };

  /// Values that outlive their last reader.
  std::vector<bool> kept_values() const {
    std::vector<bool> out = resident_;
    for (size_t v = 0; v < out.size(); ++v) out[v] = out[v] || graph_.constants[v].has_value();
    for (const int output : graph_.outputs) out[static_cast<size_t>(output)] = true;
    return out;
  }

  void choose_residents() {
    std::vector<bool> is_output(graph_.values.size(), false);
    for (const int output : graph_.outputs) is_output[static_cast<size_t>(output)] = true;
    size_t total = 0;
    for (const FlatGraph::Node& node : graph_.nodes) {
      for (const int output : node.outputs) {
        const auto v = static_cast<size_t>(output);
        if (is_output[v]) continue;
        arrays_[v] = array(graph_.values[v].shape, graph_.values[v].dtype, nullptr, {});
        const size_t bytes = arrays_[v].nbytes();
        resident_[v] = bytes <= kResidentBytes && total + bytes <= kResidentLimit;
        if (resident_[v]) total += bytes;
      }
    }
  }

  /// Called from the last node to the first; `is_read` tells of the nodes behind.
  Step make_step(const FlatGraph::Node& node, const std::vector<bool>& kept, std::vector<bool>& is_read) {
    Step step{backend_->find(node.primitive->id()), node.primitive.get(), prepare(node), {}, {}, {}, {}};
    if (!step.kernel) {
      fail_as<std::runtime_error>("[{}] the {} backend has no such operation", node.primitive->name(),
                                  backend_->name());
    }
    for (const int output : node.outputs) {
      const auto v = static_cast<size_t>(output);
      step.writes.push_back(v);
      if (!is_read[v] && !kept[v]) step.unused.push_back(v);
    }
    for (size_t j = node.inputs.size(); j-- > 0;) {
      // What a prepared step does not take is constant.
      if (step.prepared && std::ranges::find(step.prepared->reads, j) == step.prepared->reads.end()) continue;
      const auto v = static_cast<size_t>(node.inputs[j]);
      step.reads.push_back({v, !is_read[v] && !kept[v]});
      is_read[v] = true;
    }
    std::reverse(step.reads.begin(), step.reads.end());
    return step;
  }

  std::optional<PreparedKernel> prepare(const FlatGraph::Node& node) const {
    const Prepare prepare = backend_->find_prepare(node.primitive->id());
    if (!prepare) return std::nullopt;
    std::vector<std::optional<array>> inputs;
    inputs.reserve(node.inputs.size());
    for (const int input : node.inputs) inputs.push_back(graph_.constants[static_cast<size_t>(input)]);
    return prepare(*node.primitive, inputs);
  }

  /// After the last one comes the first one again: a decode step follows another.
  void tell_what_comes_next() {
    LoopReads next;
    for (size_t n = 2 * steps_.size(); n-- > 0;) {
      Step& step = steps_[n % steps_.size()];
      if (!step.prepared || step.prepared->streams.empty()) continue;
      step.next = next;
      next = step.prepared->streams;
    }
  }

  void run(const Step& step) {
    // The kernel's handle is the only one to what is read for the last time: it may take its memory over.
    for (const Read& read : step.reads) {
      array& slot = arrays_[read.value];
      if (read.is_last) {
        inputs_.push_back(std::move(slot));
      } else {
        inputs_.push_back(slot);
      }
    }
    for (const size_t v : step.writes) outputs_.push_back(arrays_[v]);
    if (step.prepared) {
      step.prepared->run(inputs_, outputs_, step.next);
    } else {
      step.kernel(*step.primitive, inputs_, outputs_);
    }
    for (size_t j = 0; j < step.writes.size(); ++j) {
      if (resident_[step.writes[j]] && shares_memory(outputs_[j], inputs_)) sharing_.push_back(step.writes[j]);
    }
    for (size_t j = 0; j < step.reads.size(); ++j) {
      // Arrays of the caller are let go; those of the program stay, without memory.
      if (!step.reads[j].is_last || step.reads[j].value < graph_.input_count) continue;
      inputs_[j].drop_data();
      arrays_[step.reads[j].value] = std::move(inputs_[j]);
    }
    for (const size_t v : step.unused) arrays_[v].drop_data();
    inputs_.clear();
    outputs_.clear();
  }

  static bool shares_memory(const array& out, const std::vector<array>& inputs) {
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const array& input) { return input.data_shared_ptr() == out.data_shared_ptr(); });
  }

  const Backend* backend_;
  const FlatGraph& graph_;
  /// Stands where there is no array: for inputs and outputs between runs.
  array none_ = array(Shape{0}, bool_, nullptr, {});
  std::vector<array> arrays_;
  /// Values whose arrays keep their memory between runs.
  std::vector<bool> resident_;
  /// Those of them that show the memory of others in this run.
  std::vector<size_t> sharing_;
  std::vector<Step> steps_;
  // For the time of a kernel's call; here so that no step allocates them.
  std::vector<array> inputs_;
  std::vector<array> outputs_;
};

void program(const Program& primitive, std::span<array> inputs, std::span<array> outputs) {
  const std::lock_guard lock(primitive.derived.mutex);
  auto runner = std::static_pointer_cast<Runner>(std::exchange(primitive.derived.value, nullptr));
  const Backend& current = backend(primitive.device().type);
  if (!runner || !runner->is_for(current)) runner = std::make_shared<Runner>(current, primitive.graph);
  runner->run(inputs, outputs);
  // After an error the arrays may be anywhere: the next run starts with a new runner.
  primitive.derived.value = std::move(runner);
}

}  // namespace

void register_program(Backend& backend) {
  backend.add<Program, program>();
}

}  // namespace mica::cpu
