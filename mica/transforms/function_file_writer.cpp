#include <algorithm>

#include "mica/array/evaluate.h"
#include "mica/ops/shape.h"
#include "mica/transforms/function_file.h"
#include "mica/transforms/function_format.h"
#include "mica/transforms/primitive_fields.h"
#include "mica/transforms/primitive_table.h"

namespace mica::detail {
namespace {

void write_spec(ByteWriter& out, const OutputSpec& spec) {
  write_field(out, spec.dtype);
  write_field(out, spec.shape);
}

/// Numbers of the values in a file: inputs, constants, and what nodes make, in this order.
class Numbering {
 public:
  explicit Numbering(const FlatGraph& graph) : numbers_(graph.values.size(), 0) {
    for (size_t i = 0; i < graph.input_count; ++i) add(static_cast<int>(i));
    for (size_t v = graph.input_count; v < graph.values.size(); ++v) {
      if (graph.constants[v]) add(static_cast<int>(v));
    }
    for (const FlatGraph::Node& node : graph.nodes) {
      for (const int output : node.outputs) add(output);
    }
  }

  void write(ByteWriter& out, const std::vector<int>& values) const {
    out.u32(values.size());
    for (const int value : values) out.u32(numbers_[static_cast<size_t>(value)]);
  }

 private:
  void add(int value) { numbers_[static_cast<size_t>(value)] = next_++; }

  std::vector<uint32_t> numbers_;
  uint32_t next_ = 0;
};

}  // namespace

FunctionFileWriter::FunctionFileWriter(const std::string& path, bool shapeless, const std::string& metadata)
    : file_(path) {
  ByteWriter out;
  out.u32(kFunctionFileVersion);
  out.u32(shapeless ? 1 : 0);
  out.text(metadata);
  file_.write(kFunctionFileMagic);
  file_.write(out.bytes());
}

uint32_t FunctionFileWriter::write_constant(const array& constant) {
  const auto number = static_cast<uint32_t>(constants_.size());
  const auto [place, is_new] = constants_.try_emplace(constant.id(), constant, number);
  if (!is_new) return place->second.second;
  ByteWriter head;
  head.u8(static_cast<uint64_t>(FunctionRecord::constant));
  write_spec(head, {constant.shape(), constant.dtype()});
  file_.write(head.bytes());
  const std::string padding(padding_to(kConstantAlignment, file_.position()), '\0');
  file_.write(padding);
  array ordered = contiguous(constant);
  ordered.eval();
  file_.write(std::span(ordered.data<std::byte>(), ordered.nbytes()));
  return number;
}

void FunctionFileWriter::add(const NamedTrace& trace) {
  const FlatGraph& graph = trace.graph;
  ByteWriter out;
  out.u8(static_cast<uint64_t>(FunctionRecord::function));
  out.u32(trace.positional());
  for (size_t i = 0; i < trace.positional(); ++i) write_spec(out, graph.values[i]);
  out.u32(trace.keywords.size());
  for (size_t i = 0; i < trace.keywords.size(); ++i) {
    out.text(trace.keywords[i]);
    write_spec(out, graph.values[trace.positional() + i]);
  }
  std::vector<uint32_t> constants;
  for (const auto& constant : graph.constants) {
    if (constant) constants.push_back(write_constant(*constant));
  }
  out.u32(constants.size());
  for (const uint32_t constant : constants) out.u32(constant);
  const Numbering numbering(graph);
  out.u32(graph.nodes.size());
  for (const FlatGraph::Node& node : graph.nodes) {
    const PrimitiveKind& kind = kind_of(*node.primitive);
    out.text(kind.name);
    kind.write(*node.primitive, out);
    numbering.write(out, node.inputs);
  }
  numbering.write(out, graph.outputs);
  file_.write(out.bytes());
  ++traces_;
}

void FunctionFileWriter::close() {
  ByteWriter out;
  out.u8(static_cast<uint64_t>(FunctionRecord::end));
  out.u32(constants_.size());
  out.u32(traces_);
  file_.write(out.bytes());
  file_.commit();
}

}  // namespace mica::detail
