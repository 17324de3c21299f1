#include "mica/array/evaluate.h"

#include <mutex>
#include <optional>
#include <stdexcept>

#include "mica/array/backend.h"
#include "mica/array/stream_queue.h"
#include "mica/array/tracing.h"
#include "mica/base/error.h"

namespace mica {
namespace {

/// Nodes that run one after the other on one stream.
struct Segment {
  explicit Segment(const Stream& segment_stream) : stream(segment_stream), done(std::make_shared<Event>()) {}
  Stream stream;
  std::vector<array> nodes;
  /// For each node, whether it belongs to a function that a thread is tracing: it keeps its place in the graph then.
  std::vector<bool> keeps_graph;
  /// Work of other streams that this segment reads the results of.
  std::vector<std::shared_ptr<Event>> before;
  std::shared_ptr<Event> done;
};

std::mutex& graph_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// array::take_inputs() while nobody reads the graph.
std::vector<array> take_inputs(array& node) {
  const GraphLock lock;
  return node.take_inputs();
}

/// Walks the graph behind the outputs depth first and cuts the nodes that nobody has scheduled yet into segments, each
/// node after its inputs. Only one thread may plan at a time, so that a shared node is scheduled once. A plan that
/// fails schedules nothing.
class Planner {
 public:
  std::vector<Segment> plan(const std::vector<array>& outputs) {
    try {
      for (const array& output : outputs) visit(output);
    } catch (...) {
      for (const Segment& segment : segments_) unschedule(segment);
      throw;
    }
    return std::move(segments_);
  }

 private:
  struct Frame {
    array node;
    size_t next_input;
  };
  struct Computation {
    std::shared_ptr<Primitive> primitive;
    std::vector<array> inputs;
  };

  /// Whether the array needs no planning any more. One that was computed inside of a trace that has ended since drops
  /// its graph here.
  bool is_planned(const array& a) {
    if (a.is_available() && a.has_primitive() && !a.is_tracer()) {
      const std::shared_ptr<Primitive> primitive = a.primitive_ptr();
      array leaf = a;
      dropped_.push_back({primitive, take_inputs(leaf)});
    }
    return a.status() != array::Status::unscheduled;
  }

  void visit(const array& output) {
    if (is_planned(output)) return;
    stack_.push_back({output, 0});
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      if (!top.node.has_primitive()) {
        fail_as<std::invalid_argument>("[eval] an argument of a function that compile or vmap is tracing has no value");
      }
      const std::vector<array>& inputs = top.node.inputs();
      while (top.next_input < inputs.size() && is_planned(inputs[top.next_input])) ++top.next_input;
      if (top.next_input < inputs.size()) {
        const array input = inputs[top.next_input++];
        stack_.push_back({input, 0});
        continue;
      }
      const array node = std::move(top.node);
      stack_.pop_back();
      if (node.status() == array::Status::unscheduled) schedule(node);
    }
  }

  void schedule(const array& node) {
    const Stream& stream = node.primitive().stream();
    if (segments_.empty() || segments_.back().stream != stream) segments_.emplace_back(stream);
    Segment& segment = segments_.back();
    for (const array& input : node.inputs()) {
      if (input.status() != array::Status::scheduled || input.event() == segment.done) continue;
      if (segment.before.empty() || segment.before.back() != input.event()) segment.before.push_back(input.event());
    }
    for (const array& output : node.outputs()) {
      output.attach_event(segment.done);
      output.set_status(array::Status::scheduled);
    }
    segment.nodes.push_back(node);
    segment.keeps_graph.push_back(node.is_tracer());
  }

  static void unschedule(const Segment& segment) {
    for (const array& node : segment.nodes) {
      for (const array& output : node.outputs()) {
        output.set_status(array::Status::unscheduled);
        output.attach_event(nullptr);
      }
    }
  }

  /// Graphs that nobody needs any more, kept until no lock is held: functions of the user may run when memory ends.
  std::vector<Computation> dropped_;
  /// Another thread's trace needs its arrays' graph, too.
  TracingOfAll tracing_;
  std::vector<Frame> stack_;
  std::vector<Segment> segments_;
};

void run_node(array node, bool keeps_graph) {
  const std::shared_ptr<Primitive> primitive = node.primitive_ptr();
  const Backend& device = backend(primitive->device().type);
  const Kernel kernel = device.find(primitive->id());
  if (!kernel) {
    fail_as<std::runtime_error>("[{}] the {} backend has no such operation", primitive->name(), device.name());
  }
  std::vector<array> outputs = node.outputs();
  // The kernel owns the inputs: one that nobody else holds can be donated, and is freed right after. While the graph
  // holds them, too, they cannot.
  std::vector<array> inputs = keeps_graph ? node.inputs() : take_inputs(node);
  kernel(*primitive, inputs, outputs);
  for (const array& output : outputs) output.set_status(array::Status::available);
}

void run(Segment& segment) {
  std::exception_ptr error;
  try {
    for (const auto& event : segment.before) event->wait();
    for (size_t i = 0; i < segment.nodes.size(); ++i) {
      array current = std::move(segment.nodes[i]);
      run_node(std::move(current), segment.keeps_graph[i]);
    }
    backend(segment.stream.device.type).finish(segment.stream);
  } catch (...) {
    error = std::current_exception();
  }
  segment.nodes.clear();
  segment.done->signal(error);
}

void push(Segment segment) {
  const Stream stream = segment.stream;
  auto shared = std::make_shared<Segment>(std::move(segment));
  StreamQueue::of(stream).push([shared] { run(*shared); });
}

/// Plans and queues. Both happen under one lock: a segment that reads what another thread has planned must not come
/// before it in a stream's queue. With `inline_first`, a lone segment whose stream is idle is returned instead of
/// queued, its stream claimed for the caller.
std::optional<Segment> plan_and_queue(const std::vector<array>& outputs, bool inline_first) {
  static std::mutex planning;
  Planner planner;
  const std::lock_guard lock(planning);
  std::vector<Segment> segments = planner.plan(outputs);
  if (inline_first && segments.size() == 1 && StreamQueue::of(segments[0].stream).try_claim()) {
    return std::move(segments[0]);
  }
  for (Segment& segment : segments) push(std::move(segment));
  return std::nullopt;
}

}  // namespace

GraphLock::GraphLock() : lock_(graph_mutex()) {}

StreamOrDevice stream_of(const array& a) {
  const GraphLock lock;
  return a.has_primitive() ? StreamOrDevice(a.primitive().stream()) : StreamOrDevice();
}

void async_eval(const std::vector<array>& outputs) {
  plan_and_queue(outputs, false);
}

void eval(const std::vector<array>& outputs) {
  // The caller waits anyway: where possible its own thread does the work, without a thread switch.
  if (auto segment = plan_and_queue(outputs, true)) {
    run(*segment);
    StreamQueue::of(segment->stream).release();
  }
  for (const array& output : outputs) output.wait();
}

}  // namespace mica
