#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "mica/array/array.h"

namespace mica {

// Functions as files: traced once, written with the constants that they use, and called later, by other programs, with
// other values. docs/export-format.md describes the file.

/// Arguments by position.
using Args = std::vector<array>;
/// Arguments by name.
using Kwargs = std::unordered_map<std::string, array>;

/// A field of a primitive, as an ExportCallback sees it.
using StateT = std::variant<bool, int, size_t, float, double, Dtype, Shape, std::vector<int>, std::vector<size_t>,
                            std::vector<std::tuple<bool, bool, bool>>, std::vector<std::variant<bool, int, float>>,
                            std::optional<float>, std::string, int64_t>;

/// What an ExportCallback is told, by keys. "type" is one of
/// - "inputs", with "inputs": (name, shape, dtype) of every argument, those by name behind the others;
/// - "keyword_inputs", with "keywords": (keyword, name of the input);
/// - "outputs", with "outputs": (name, shape, dtype);
/// - "constants", with "constants": (name, array);
/// - "primitive", with "name", "inputs" and "outputs" (name, shape, dtype) and "arguments": the primitive's fields.
using ExportCallbackInput = std::unordered_map<
    std::string,
    std::variant<std::vector<std::tuple<std::string, Shape, Dtype>>, std::vector<std::pair<std::string, array>>,
                 std::vector<std::pair<std::string, std::string>>, std::vector<StateT>, std::string>>;

/// Called with what there is to know of a function, piece by piece: inputs, keyword inputs, outputs, constants, and
/// then the primitives in the order in which they run.
using ExportCallback = std::function<void(const ExportCallbackInput&)>;

namespace detail {

/// The forms of functions that can be exported, as one.
using ExportedCall = std::function<std::vector<array>(const Args&, const Kwargs&)>;

class TraceSink;
struct ExportedFunctions;

/// What tells traces apart.
struct TraceSignature;

}  // namespace detail

/// Writes traces of one function to one file. Every call traces the function for arguments of these shapes and dtypes;
/// their values do not matter. The file appears when the exporter is closed.
class FunctionExporter {
 public:
  FunctionExporter(FunctionExporter&& other) noexcept;
  FunctionExporter(const FunctionExporter&) = delete;
  FunctionExporter& operator=(const FunctionExporter&) = delete;
  FunctionExporter& operator=(FunctionExporter&&) = delete;
  /// Closes the file. What goes wrong then is not told: call close().
  ~FunctionExporter();

  /// Adds the function's trace for such arguments. Throws std::runtime_error when there is one already or the exporter
  /// is closed, std::invalid_argument when the function uses operations among processes.
  void operator()(const std::initializer_list<array>& args) { (*this)(Args(args)); }
  void operator()(const Args& args);
  void operator()(const Kwargs& kwargs);
  void operator()(const Args& args, const Kwargs& kwargs);

  /// Ends the file and puts it in its place. Throws Error when it cannot be written.
  void close();

 private:
  FunctionExporter(std::unique_ptr<detail::TraceSink> sink, detail::ExportedCall fun, bool shapeless);
  static FunctionExporter to_file(const std::string& file, detail::ExportedCall fun, bool shapeless,
                                  const std::string& metadata);
  static FunctionExporter to_callback(const ExportCallback& callback, detail::ExportedCall fun, bool shapeless);

  friend FunctionExporter exporter(const std::string&, const std::function<std::vector<array>(const Args&)>&, bool,
                                   const std::string&);
  friend FunctionExporter exporter(const std::string&, const std::function<std::vector<array>(const Kwargs&)>&, bool,
                                   const std::string&);
  friend FunctionExporter exporter(const std::string&,
                                   const std::function<std::vector<array>(const Args&, const Kwargs&)>&, bool,
                                   const std::string&);
  friend FunctionExporter exporter(const ExportCallback&, const std::function<std::vector<array>(const Args&)>&, bool);
  friend FunctionExporter exporter(const ExportCallback&, const std::function<std::vector<array>(const Kwargs&)>&,
                                   bool);
  friend FunctionExporter exporter(const ExportCallback&,
                                   const std::function<std::vector<array>(const Args&, const Kwargs&)>&, bool);

  std::unique_ptr<detail::TraceSink> sink_;
  detail::ExportedCall fun_;
  bool shapeless_;
  std::vector<detail::TraceSignature> signatures_;
};

/// An exporter of `fun` to `file`. With `shapeless` the traces serve arguments of other shapes with as many axes, too:
/// the operations find their shapes anew, and what the function computed from lengths by itself stays as it was traced.
/// `metadata` is any text; import gives it back. Throws Error when the file cannot be made.
FunctionExporter exporter(const std::string& file, const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");
/// The same for a function of arguments by name.
FunctionExporter exporter(const std::string& file, const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");
/// The same for a function of both.
FunctionExporter exporter(const std::string& path,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                          bool shapeless = false, const std::string& metadata = "");

/// Writes one trace of `fun` for such arguments to `file`: an exporter that is called once. Throws as it does.
void export_function(const std::string& file, const std::function<std::vector<array>(const Args&)>& fun,
                     const Args& args, bool shapeless = false, const std::string& metadata = "");
/// The same for a function of arguments by name.
void export_function(const std::string& file, const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless = false, const std::string& metadata = "");
/// The same for a function of both.
void export_function(const std::string& file, const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                     const Args& args, const Kwargs& kwargs, bool shapeless = false, const std::string& metadata = "");

/// A function that was read from a file. Transforms (vjp, vmap, compile …) see through it.
class ImportedFunction {
 public:
  /// The function's outputs, by the trace whose arguments have these shapes (of a shapeless one: as many axes), dtypes
  /// and names. Throws std::invalid_argument when there is none, listing those that there are.
  std::vector<array> operator()(const std::initializer_list<array>& args) const { return (*this)(Args(args)); }
  std::vector<array> operator()(const Args& args) const;
  std::vector<array> operator()(const Kwargs& kwargs) const;
  std::vector<array> operator()(const Args& args, const Kwargs& kwargs) const;

  /// The text that was given at export.
  const std::string& metadata() const;

 private:
  explicit ImportedFunction(std::shared_ptr<const detail::ExportedFunctions> functions);
  friend ImportedFunction import_function(const std::string& file);

  std::shared_ptr<const detail::ExportedFunctions> functions_;
};

/// Reads a file that export_function or an exporter wrote. Its operations run on the stream that is the default one
/// here. The file may come from anywhere: every field of it is checked. Throws Error, which names the file and the
/// place, when it cannot be opened or is not a whole, valid file.
ImportedFunction import_function(const std::string& file);

/// An exporter that tells `callback` instead of writing a file.
FunctionExporter exporter(const ExportCallback& callback, const std::function<std::vector<array>(const Args&)>& fun,
                          bool shapeless = false);
/// The same for a function of arguments by name.
FunctionExporter exporter(const ExportCallback& callback, const std::function<std::vector<array>(const Kwargs&)>& fun,
                          bool shapeless = false);
/// The same for a function of both.
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun,
                          bool shapeless = false);

/// Tells `callback` one trace of `fun` for such arguments.
void export_function(const ExportCallback& callback, const std::function<std::vector<array>(const Args&)>& fun,
                     const Args& args, bool shapeless = false);
/// The same for a function of arguments by name.
void export_function(const ExportCallback& callback, const std::function<std::vector<array>(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless = false);
/// The same for a function of both.
void export_function(const ExportCallback& callback,
                     const std::function<std::vector<array>(const Args&, const Kwargs&)>& fun, const Args& args,
                     const Kwargs& kwargs, bool shapeless = false);

}  // namespace mica
