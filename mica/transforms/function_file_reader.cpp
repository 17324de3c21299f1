#include <algorithm>
#include <cstring>
#include <numeric>

#include "mica/base/checked.h"
#include "mica/ops/create.h"
#include "mica/transforms/function_file.h"
#include "mica/transforms/function_format.h"
#include "mica/transforms/primitive_fields.h"
#include "mica/transforms/primitive_table.h"
#include "mica/transforms/shapeless.h"

namespace mica::detail {
namespace {

/// Axes of an array in a file at most.
constexpr size_t kMaxAxes = 64;

class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path),
        file_(MappedFile::open(path)),
        in_(file_->bytes(), path_),
        stream_(default_stream(default_device())) {}

  ExportedFunctions read() {
    ExportedFunctions out;
    if (file_->bytes().size() < kFunctionFileMagic.size() ||
        std::memcmp(in_.take(kFunctionFileMagic.size()).data(), kFunctionFileMagic.data(), kFunctionFileMagic.size()) !=
            0) {
      fail("{}: not a file of exported functions", path_);
    }
    const uint32_t version = in_.u32();
    if (version != kFunctionFileVersion) {
      fail("{}: version {} of exported functions; this program reads version {}", path_, version, kFunctionFileVersion);
    }
    const uint32_t flags = in_.u32();
    if (flags > 1) in_.fail("unknown flags {}", flags);
    shapeless_ = out.shapeless = flags == 1;
    out.metadata = in_.text();
    while (true) {
      const auto kind = static_cast<FunctionRecord>(in_.u8());
      if (kind == FunctionRecord::end) break;
      if (kind == FunctionRecord::constant) {
        constants_.push_back(read_constant());
      } else if (kind == FunctionRecord::function) {
        out.traces.push_back(read_trace());
      } else {
        in_.fail("unknown record {}", static_cast<int>(kind));
      }
    }
    if (in_.u32() != constants_.size() || in_.u32() != out.traces.size()) in_.fail("records are missing");
    if (!in_.at_end()) in_.fail("there is more behind the end");
    return out;
  }

 private:
  OutputSpec read_spec() {
    const Dtype dtype = read_dtype(in_);
    const auto shape = read_field<Shape>(in_);
    if (shape.size() > kMaxAxes) in_.fail("an array of {} axes", shape.size());
    // No array of more bytes than can be addressed.
    int64_t bytes = dtype.size();
    for (const ShapeElem length : shape) {
      const auto product = length < 0 ? std::nullopt : checked_mul(bytes, length);
      if (!product) in_.fail("an array of shape {}", to_string(shape));
      bytes = *product;
    }
    return {shape, dtype};
  }

  array read_constant() {
    const OutputSpec spec = read_spec();
    in_.take(padding_to(kConstantAlignment, in_.position()));
    const size_t count = std::accumulate(spec.shape.begin(), spec.shape.end(), size_t{1}, std::multiplies<>());
    const auto bytes = in_.take(count * spec.dtype.size());
    const bool plain = spec.dtype != bool_ || std::all_of(bytes.begin(), bytes.end(),
                                                          [](std::byte b) { return std::to_integer<int>(b) <= 1; });
    if (!plain) in_.fail("a bool that is neither 0 nor 1");
    // An empty array has no place in the file.
    if (count == 0) return zeros(spec.shape, spec.dtype);
    return array::mapped(file_, bytes.data(), spec.shape, spec.dtype);
  }

  NamedTrace read_trace() {
    NamedTrace trace;
    FlatGraph& graph = trace.graph;
    values_.clear();
    const size_t positional = in_.count(5);
    for (size_t i = 0; i < positional; ++i) add_input(graph);
    const size_t named = in_.count(9);
    for (size_t i = 0; i < named; ++i) {
      trace.keywords.emplace_back(in_.text());
      if (i > 0 && trace.keywords[i - 1] >= trace.keywords[i]) in_.fail("keywords out of order");
      add_input(graph);
    }
    graph.input_count = graph.values.size();
    const size_t constants = in_.count(4);
    for (size_t i = 0; i < constants; ++i) {
      const size_t number = in_.u32();
      if (number >= constants_.size()) in_.fail("there is no constant {}", number);
      const array& constant = constants_[number];
      graph.add_value({constant.shape(), constant.dtype()}, constant);
      values_.push_back(constant);
    }
    const size_t nodes = in_.count(8);
    for (size_t i = 0; i < nodes; ++i) read_node(graph);
    graph.outputs = read_values();
    return trace;
  }

  void add_input(FlatGraph& graph) {
    OutputSpec spec = read_spec();
    values_.emplace_back(spec.shape, spec.dtype, nullptr, std::vector<array>{});
    graph.add_value(std::move(spec));
  }

  std::vector<int> read_values() {
    const size_t count = in_.count(4);
    std::vector<int> out;
    for (size_t i = 0; i < count; ++i) {
      const size_t number = in_.u32();
      if (number >= values_.size()) in_.fail("there is no value {} before", number);
      out.push_back(static_cast<int>(number));
    }
    return out;
  }

  /// Primitives check fields and inputs when they tell their outputs' shapes.
  void read_node(FlatGraph& graph) {
    const std::string_view name = in_.text();
    const PrimitiveKind* kind = kind_named(name);
    if (!kind) in_.fail("there is no primitive {}", quoted(name));
    FlatGraph::Node node;
    std::vector<OutputSpec> outputs;
    try {
      node.primitive = kind->read(in_, stream_);
      node.inputs = read_values();
      std::vector<array> inputs;
      inputs.reserve(node.inputs.size());
      for (const int input : node.inputs) inputs.push_back(values_[static_cast<size_t>(input)]);
      if (shapeless_) inputs = repeated_operands(*node.primitive, std::move(inputs));
      outputs = node.primitive->infer(inputs);
      for (OutputSpec& output : outputs) {
        if (output.shape.size() > kMaxAxes) fail("an array of {} axes", output.shape.size());
        values_.emplace_back(output.shape, output.dtype, nullptr, std::vector<array>{});
        node.outputs.push_back(graph.add_value(std::move(output)));
      }
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      in_.fail("{}: {}", name, error.what());
    }
    graph.nodes.push_back(std::move(node));
  }

  std::string path_;
  std::shared_ptr<const MappedFile> file_;
  ByteReader in_;
  Stream stream_;
  bool shapeless_ = false;
  std::vector<array> constants_;
  /// Stand for the values of the trace that is read.
  std::vector<array> values_;
};

}  // namespace

ExportedFunctions read_function_file(const std::string& path) {
  return Reader(path).read();
}

}  // namespace mica::detail
