#include "mica/transforms/export.h"

#include <algorithm>
#include <stdexcept>

#include "mica/array/evaluate.h"
#include "mica/array/tracing.h"
#include "mica/base/error.h"
#include "mica/transforms/export_callback.h"
#include "mica/transforms/function_file.h"
#include "mica/transforms/shapeless.h"

namespace mica {
namespace {

using detail::ExportedCall;
using detail::NamedTrace;
using detail::TraceSignature;

ExportedCall of_args(const std::function<std::vector<array>(const Args&)>& fun) {
  return [fun](const Args& args, const Kwargs& kwargs) {
    if (!kwargs.empty()) fail_as<std::invalid_argument>("[export_function] the function takes no arguments by name");
    return fun(args);
  };
}

ExportedCall of_kwargs(const std::function<std::vector<array>(const Kwargs&)>& fun) {
  return [fun](const Args& args, const Kwargs& kwargs) {
    if (!args.empty()) fail_as<std::invalid_argument>("[export_function] the function takes no arguments by position");
    return fun(kwargs);
  };
}

std::vector<std::string> sorted_names(const Kwargs& kwargs) {
  std::vector<std::string> names;
  for (const auto& [name, value] : kwargs) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

/// The arguments by position, then those by name in the order of the names.
std::vector<array> in_order(const Args& args, const Kwargs& kwargs) {
  std::vector<array> out = args;
  for (const std::string& name : sorted_names(kwargs)) out.push_back(kwargs.at(name));
  return out;
}

TraceSignature signature_of(const std::vector<array>& inputs, const Kwargs& kwargs) {
  TraceSignature out{{}, sorted_names(kwargs)};
  for (const array& input : inputs) out.inputs.push_back({input.shape(), input.dtype()});
  return out;
}

array placeholder(const array& like) {
  array out(like.shape(), like.dtype(), nullptr, {});
  out.set_tracer(true);
  return out;
}

FlatGraph traced_graph(const ExportedCall& fun, const Args& args, const Kwargs& kwargs, bool shapeless) {
  const Tracing tracing;
  const ShapelessTracing any_lengths(shapeless);
  Args positional;
  for (const array& arg : args) positional.push_back(placeholder(arg));
  Kwargs named;
  for (const auto& [name, value] : kwargs) named.emplace(name, placeholder(value));
  const std::vector<array> results = fun(positional, named);
  return capture(in_order(positional, named), results);
}

NamedTrace trace(const ExportedCall& fun, const Args& args, const Kwargs& kwargs, bool shapeless) {
  NamedTrace out{sorted_names(kwargs), traced_graph(fun, args, kwargs, shapeless)};
  simplify(out.graph);
  if (shapeless) loosen(out.graph);
  std::vector<array> constants;
  for (const auto& constant : out.graph.constants) {
    if (constant) constants.push_back(*constant);
  }
  eval(constants);
  return out;
}

}  // namespace

FunctionExporter::FunctionExporter(std::unique_ptr<detail::TraceSink> sink, ExportedCall fun, bool shapeless)
    : sink_(std::move(sink)), fun_(std::move(fun)), shapeless_(shapeless) {}

FunctionExporter::FunctionExporter(FunctionExporter&& other) noexcept = default;

FunctionExporter::~FunctionExporter() {
  try {
    close();
  } catch (const std::exception&) {
    return;  // as documented
  }
}

FunctionExporter FunctionExporter::to_file(const std::string& file, ExportedCall fun, bool shapeless,
                                           const std::string& metadata) {
  return {std::make_unique<detail::FunctionFileWriter>(file, shapeless, metadata), std::move(fun), shapeless};
}

FunctionExporter FunctionExporter::to_callback(const ExportCallback& callback, ExportedCall fun, bool shapeless) {
  return {std::make_unique<detail::CallbackSink>(callback), std::move(fun), shapeless};
}

void FunctionExporter::operator()(const Args& args) {
  (*this)(args, {});
}
void FunctionExporter::operator()(const Kwargs& kwargs) {
  (*this)({}, kwargs);
}
void FunctionExporter::operator()(const Args& args, const Kwargs& kwargs) {
  if (!sink_) fail_as<std::runtime_error>("[export_function] the exporter is closed");
  TraceSignature signature = signature_of(in_order(args, kwargs), kwargs);
  for (const TraceSignature& other : signatures_) {
    if (!other.accepts(signature, shapeless_)) continue;
    fail_as<std::runtime_error>("[export_function] there is a trace for {} already", signature.described());
  }
  sink_->add(trace(fun_, args, kwargs, shapeless_));
  signatures_.push_back(std::move(signature));
}

void FunctionExporter::close() {
  if (!sink_) return;
  const std::unique_ptr<detail::TraceSink> sink = std::move(sink_);
  sink->close();
}

FunctionExporter exporter(const std::string& file, const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return FunctionExporter::to_file(file, of_args(fun), shapeless, metadata);
}
FunctionExporter exporter(const std::string& file, const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return FunctionExporter::to_file(file, of_kwargs(fun), shapeless, metadata);
}
FunctionExporter exporter(const std::string& path,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun, bool shapeless,
                          const std::string& metadata) {
  return FunctionExporter::to_file(path, fun, shapeless, metadata);
}
FunctionExporter exporter(const ExportCallback& callback, const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless) {
  return FunctionExporter::to_callback(callback, of_args(fun), shapeless);
}
FunctionExporter exporter(const ExportCallback& callback, const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless) {
  return FunctionExporter::to_callback(callback, of_kwargs(fun), shapeless);
}
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun, bool shapeless) {
  return FunctionExporter::to_callback(callback, fun, shapeless);
}

namespace {

void export_once(FunctionExporter exporter, const Args& args, const Kwargs& kwargs) {
  exporter(args, kwargs);
  exporter.close();
}

}  // namespace

void export_function(const std::string& file, const std::function<std::vector<array>(const Args&)>& fun,
                     const Args& args, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), args, {});
}
void export_function(const std::string& file, const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), {}, kwargs);
}
void export_function(const std::string& file, const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                     const Args& args, const Kwargs& kwargs, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), args, kwargs);
}
void export_function(const ExportCallback& callback, const std::function<std::vector<array>(const Args&)>& fun,
                     const Args& args, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), args, {});
}
void export_function(const ExportCallback& callback, const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), {}, kwargs);
}
void export_function(const ExportCallback& callback,
                     const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun, const Args& args,
                     const Kwargs& kwargs, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), args, kwargs);
}

ImportedFunction::ImportedFunction(std::shared_ptr<const detail::ExportedFunctions> functions)
    : functions_(std::move(functions)) {}

std::vector<array> ImportedFunction::operator()(const Args& args) const {
  return (*this)(args, {});
}
std::vector<array> ImportedFunction::operator()(const Kwargs& kwargs) const {
  return (*this)({}, kwargs);
}
std::vector<array> ImportedFunction::operator()(const Args& args, const Kwargs& kwargs) const {
  const std::vector<array> inputs = in_order(args, kwargs);
  const TraceSignature given = signature_of(inputs, kwargs);
  for (const NamedTrace& trace : functions_->traces) {
    if (!trace.signature().accepts(given, functions_->shapeless)) continue;
    return functions_->shapeless ? replay_shapeless(trace.graph, inputs) : replay(trace.graph, inputs);
  }
  std::string known;
  for (const NamedTrace& trace : functions_->traces) known += "; " + trace.signature().described();
  fail_as<std::invalid_argument>("[import_function::call] no trace is for {}; there are {} of them{}",
                                 given.described(), functions_->traces.size(), known);
}

const std::string& ImportedFunction::metadata() const {
  return functions_->metadata;
}

ImportedFunction import_function(const std::string& file) {
  return ImportedFunction(std::make_shared<const detail::ExportedFunctions>(detail::read_function_file(file)));
}

}  // namespace mica
