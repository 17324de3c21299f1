#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mica/text/jinja/ast.h"
#include "mica/text/jinja/value.h"

namespace mica::jinja {

/// What rendering may take (reaching a limit is an Error), and when it takes place.
struct Settings {
  /// Evaluated nodes, plus one for each item and each 8 bytes of text that an operation touches.
  uint64_t max_work = 10'000'000;
  /// Nested evaluations: expressions, statements, macro calls, recursive loops.
  int max_depth = 800;
  size_t max_output_bytes = size_t{32} << 20;
  std::chrono::milliseconds max_time{10'000};
  /// The time that strftime_now shows, in seconds since 1970; the present when unset.
  std::optional<int64_t> now;
};

/// Variables of a block; reads look through the enclosing ones.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> variables;

  /// The variable here or in an enclosing scope, or null.
  const Value* find(std::string_view name) const;
  /// Adds or replaces the variable here.
  void set(std::string_view name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

/// Runs one template once.
class Interpreter {
 public:
  Interpreter(std::string_view template_name, const Settings& settings);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// Runs the template with these variables. Throws Error naming template and line.
  Text run(const Body& body, const Dict& variables, const Dict& globals);
  /// Spans of the output that came from generation blocks, in output order.
  const std::vector<Span>& generated() const { return generated_; }

  const Settings& settings() const { return settings_; }

  /// For filters, methods and functions.
  void charge(uint64_t work);
  void charge(const Arguments& arguments);
  Value call(const Value& callee, const Arguments& arguments);
  /// The items of anything that Python iterates over; throws Failure for the rest.
  std::vector<Value> items_of(const Value& value);
  /// `object.name` and `object[key]` with the sandbox's rules.
  Value attribute(const Value& object, std::string_view name);
  Value item(const Value& object, const Value& key);
  Value apply_filter(std::string_view name, const Arguments& arguments);
  bool apply_test(std::string_view name, const Arguments& arguments);
  /// Objects that may hold references back to themselves; they are cleared after the run.
  void remember(std::shared_ptr<Object> object);

  /// For macros and loops.
  enum class Flow { next, break_, continue_ };
  Value capture(const Body& body, const ScopePtr& scope);
  Value evaluate(const Expr& expr, const ScopePtr& scope);
  Text run_loop(const Stmt& loop, const ScopePtr& scope, const Value& iterable, int depth);
  void assign(const Target& target, const Value& value, const ScopePtr& scope);

  /// Counts nesting while alive.
  class Depth;

 private:
  Flow execute(const Body& body, const ScopePtr& scope);
  Flow execute(const Stmt& stmt, const ScopePtr& scope);
  Flow execute_if(const Stmt& stmt, const ScopePtr& scope);
  Flow execute_for(const Stmt& stmt, const ScopePtr& scope, const Value& iterable, int depth);
  std::vector<Value> loop_items(const Stmt& stmt, const ScopePtr& scope, const Value& iterable);
  void execute_with(const Stmt& stmt, const ScopePtr& scope);
  void execute_generation(const Stmt& stmt, const ScopePtr& scope);
  void execute_call_block(const Stmt& stmt, const ScopePtr& scope);
  void write(const Text& text);
  void write(std::string_view text);

  Value evaluate_name(const Expr& expr, const ScopePtr& scope);
  Value evaluate_dict(const Expr& expr, const ScopePtr& scope);
  Value evaluate_item(const Expr& expr, const ScopePtr& scope);
  Value evaluate_concat(const Expr& expr, const ScopePtr& scope);
  Value evaluate_comparison(const Expr& expr, const ScopePtr& scope);
  Value evaluate_filter(const Expr& expr, const ScopePtr& scope, const Value* input);
  std::vector<Value> evaluate_all(const std::vector<ExprPtr>& exprs, const ScopePtr& scope);
  Arguments evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope);
  Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);

  std::string name_;
  Settings settings_;
  std::chrono::steady_clock::time_point deadline_;
  uint64_t work_ = 0;
  uint64_t next_clock_check_ = 0;
  int depth_ = 0;
  int line_ = 1;
  Text* output_ = nullptr;
  /// Captures (macros, set blocks …) that writing is inside of: 0 when it goes to the final output.
  int captures_ = 0;
  std::vector<Span> generated_;
  std::vector<std::shared_ptr<Object>> objects_;
  std::vector<ScopePtr> macro_scopes_;
};

class Interpreter::Depth {
 public:
  explicit Depth(Interpreter& interpreter) : interpreter_(interpreter) {
    if (++interpreter_.depth_ > interpreter_.settings_.max_depth) {
      --interpreter_.depth_;
      throw Failure("recursion too deep");
    }
  }
  ~Depth() { --interpreter_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Interpreter& interpreter_;
};

}  // namespace mica::jinja
