#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "mica/array/array.h"
#include "mica/base/file.h"
#include "mica/transforms/export.h"
#include "mica/transforms/flat_graph.h"

namespace mica::detail {

/// Shapes and dtypes of all arguments, and the names of the last ones.
struct TraceSignature {
  std::vector<OutputSpec> inputs;
  std::vector<std::string> keywords;

  /// Whether a trace with this signature is for such arguments; with `shapeless` only the numbers of their axes count.
  bool accepts(const TraceSignature& given, bool shapeless) const;
  /// "((2,3) float32, "y": () int32)", for messages.
  std::string described() const;
};

/// A traced function with the names of its arguments. Inputs of the graph: the arguments by position, then those by
/// name in the order of the names.
struct NamedTrace {
  std::vector<std::string> keywords;
  FlatGraph graph;

  size_t positional() const { return graph.input_count - keywords.size(); }

  TraceSignature signature() const;
};

/// What a file of functions holds.
struct ExportedFunctions {
  bool shapeless = false;
  std::string metadata;
  std::vector<NamedTrace> traces;
};

/// Where traces go.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  /// The constants of the trace are computed.
  virtual void add(const NamedTrace& trace) = 0;
  virtual void close() = 0;
};

/// To a file, one after the other; a constant that several traces share is written once.
class FunctionFileWriter final : public TraceSink {
 public:
  FunctionFileWriter(const std::string& path, bool shapeless, const std::string& metadata);
  void add(const NamedTrace& trace) override;
  void close() override;

 private:
  uint32_t write_constant(const array& constant);

  AtomicFile file_;
  /// Numbers of the constants that are written; holding them keeps their ids theirs.
  std::unordered_map<std::uintptr_t, std::pair<array, uint32_t>> constants_;
  uint32_t traces_ = 0;
};

/// Reads and checks a whole file; arrays of constants are views of it. Primitives run on this thread's default stream.
ExportedFunctions read_function_file(const std::string& path);

}  // namespace mica::detail
