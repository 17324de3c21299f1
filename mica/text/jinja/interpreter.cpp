#include "mica/text/jinja/interpreter.h"

#include <ranges>

#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/lexer.h"
#include "mica/text/jinja/loop.h"
#include "mica/text/jinja/macro.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

constexpr uint64_t kClockInterval = 1 << 14;
/// A macro or namespace costs this much work, because it stays in memory until the end.
constexpr uint64_t kObjectWork = 64;

}  // namespace

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->parent.get()) {
    for (const auto& [known, value] : scope->variables | std::views::reverse) {
      if (known == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [known, old] : variables) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(std::string_view template_name, const Settings& settings)
    : name_(template_name), settings_(settings), deadline_(std::chrono::steady_clock::now() + settings.max_time) {}

Interpreter::~Interpreter() {
  // Namespaces and macros can lead back to themselves.
  for (const auto& object : objects_) object->clear();
  for (const ScopePtr& scope : macro_scopes_) scope->variables.clear();
}

void Interpreter::remember(std::shared_ptr<Object> object) {
  charge(kObjectWork);
  objects_.push_back(std::move(object));
}

void Interpreter::charge(uint64_t work) {
  work_ += work;
  if (work_ > settings_.max_work)
    throw Failure(fmt::format("the template takes more than {} steps", settings_.max_work));
  if (work_ < next_clock_check_) return;
  next_clock_check_ = work_ + kClockInterval;
  if (std::chrono::steady_clock::now() > deadline_) {
    throw Failure(fmt::format("the template takes longer than {} ms", settings_.max_time.count()));
  }
}

void Interpreter::charge(const Arguments& arguments) {
  for (const Value& value : arguments.positional) charge(value.weight());
  for (const auto& [name, value] : arguments.named) charge(value.weight());
}

Text Interpreter::run(const Body& body, const Dict& variables, const Dict& globals) {
  auto context = std::make_shared<Scope>();
  for (const Dict* dict : {&globals, &variables}) {
    for (const auto& [name, value] : dict->entries()) context->set(name.bytes(), value);
  }
  auto root = std::make_shared<Scope>();
  root->parent = std::move(context);
  Text out;
  output_ = &out;
  try {
    execute(body, root);
  } catch (const Failure& failure) {
    fail_in_template(name_, line_, failure.what());
  }
  return out;
}

void Interpreter::write(const Text& text) {
  charge(text.size() / 8);
  output_->append(text);
  if (output_->size() > settings_.max_output_bytes) {
    throw Failure(fmt::format("the output is longer than {} bytes", settings_.max_output_bytes));
  }
}

void Interpreter::write(std::string_view text) {
  charge(text.size() / 8);
  output_->append(text);
  if (output_->size() > settings_.max_output_bytes) {
    throw Failure(fmt::format("the output is longer than {} bytes", settings_.max_output_bytes));
  }
}

Value Interpreter::capture(const Body& body, const ScopePtr& scope) {
  Text captured;
  Text* outer = std::exchange(output_, &captured);
  ++captures_;
  execute(body, scope);
  --captures_;
  output_ = outer;
  return Value::string(std::move(captured));
}

Interpreter::Flow Interpreter::execute(const Body& body, const ScopePtr& scope) {
  const Depth depth(*this);
  for (const Stmt& stmt : body) {
    const Flow flow = execute(stmt, scope);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const Stmt& stmt, const ScopePtr& scope) {
  charge(1);
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::text:
      write(stmt.text);
      break;
    case StmtKind::output:
      write(to_text(evaluate(*stmt.exprs[0], scope)));
      break;
    case StmtKind::if_:
      return execute_if(stmt, scope);
    case StmtKind::for_:
      execute_for(stmt, scope, evaluate(*stmt.exprs[0], scope), 0);
      break;
    case StmtKind::set:
      assign(stmt.targets[0], evaluate(*stmt.exprs[0], scope), scope);
      break;
    case StmtKind::set_block: {
      Value text = capture(stmt.bodies[0], std::make_shared<Scope>(Scope{scope, {}}));
      if (stmt.exprs[0]) text = evaluate_filter(*stmt.exprs[0], scope, &text);
      assign(stmt.targets[0], text, scope);
      break;
    }
    case StmtKind::macro:
      charge(kObjectWork);
      macro_scopes_.push_back(scope);
      scope->set(stmt.name, Value::object(std::make_shared<Macro>(stmt, stmt.name, 0, scope)));
      break;
    case StmtKind::call_block:
      execute_call_block(stmt, scope);
      break;
    case StmtKind::filter_block: {
      const Value text = capture(stmt.bodies[0], std::make_shared<Scope>(Scope{scope, {}}));
      write(to_text(evaluate_filter(*stmt.exprs[0], scope, &text)));
      break;
    }
    case StmtKind::with:
      execute_with(stmt, scope);
      break;
    case StmtKind::generation:
      execute_generation(stmt, scope);
      break;
    case StmtKind::break_:
      return Flow::break_;
    case StmtKind::continue_:
      return Flow::continue_;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::execute_if(const Stmt& stmt, const ScopePtr& scope) {
  for (size_t i = 0; i < stmt.exprs.size(); ++i) {
    if (is_true(evaluate(*stmt.exprs[i], scope))) return execute(stmt.bodies[i], scope);
  }
  return stmt.bodies.size() > stmt.exprs.size() ? execute(stmt.bodies.back(), scope) : Flow::next;
}

std::vector<Value> Interpreter::loop_items(const Stmt& stmt, const ScopePtr& scope, const Value& iterable) {
  std::vector<Value> items = items_of(iterable);
  charge(items.size());
  if (!stmt.exprs[1]) return items;
  std::vector<Value> kept;
  for (Value& item : items) {
    const auto inner = std::make_shared<Scope>(Scope{scope, {}});
    assign(stmt.targets[0], item, inner);
    if (is_true(evaluate(*stmt.exprs[1], inner))) kept.push_back(std::move(item));
  }
  return kept;
}

Interpreter::Flow Interpreter::execute_for(const Stmt& stmt, const ScopePtr& scope, const Value& iterable, int depth) {
  const auto loop = std::make_shared<Loop>(stmt, scope, loop_items(stmt, scope, iterable), depth);
  for (; !loop->at_end(); loop->advance()) {
    charge(1);
    const auto inner = std::make_shared<Scope>(Scope{scope, {}});
    inner->set("loop", Value::object(loop));
    assign(stmt.targets[0], loop->current(), inner);
    if (execute(stmt.bodies[0], inner) == Flow::break_) break;
  }
  if (loop->size() == 0 && stmt.bodies.size() > 1) {
    return execute(stmt.bodies[1], std::make_shared<Scope>(Scope{scope, {}}));
  }
  return Flow::next;
}

Text Interpreter::run_loop(const Stmt& loop, const ScopePtr& scope, const Value& iterable, int depth) {
  const Depth nested(*this);
  Text captured;
  Text* outer = std::exchange(output_, &captured);
  ++captures_;
  execute_for(loop, scope, iterable, depth);
  --captures_;
  output_ = outer;
  return captured;
}

void Interpreter::execute_with(const Stmt& stmt, const ScopePtr& scope) {
  auto inner = std::make_shared<Scope>(Scope{scope, {}});
  // Values see the variables outside, not each other.
  for (size_t i = 0; i < stmt.targets.size(); ++i) assign(stmt.targets[i], evaluate(*stmt.exprs[i], scope), inner);
  execute(stmt.bodies[0], inner);
}

void Interpreter::execute_generation(const Stmt& stmt, const ScopePtr& scope) {
  const size_t start = output_->size();
  execute(stmt.bodies[0], std::make_shared<Scope>(Scope{scope, {}}));
  if (captures_ == 0 && output_->size() > start) generated_.push_back({start, output_->size()});
}

void Interpreter::execute_call_block(const Stmt& stmt, const ScopePtr& scope) {
  const Expr& call_expr = *stmt.exprs[0];
  const Value callee = evaluate(*call_expr.children[0], scope);
  Arguments arguments = evaluate_arguments(call_expr.arguments, scope);
  arguments.named.emplace_back("caller", Value::object(std::make_shared<Macro>(stmt, "caller", 1, scope)));
  write(to_text(call(callee, arguments)));
}

void Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  if (target.is_tuple) {
    const std::vector<Value> items = items_of(value);
    if (items.size() != target.parts.size()) {
      throw Failure(fmt::format("{} values to unpack, expected {}", items.size(), target.parts.size()));
    }
    for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i], scope);
    return;
  }
  if (target.attribute.empty()) return scope->set(target.name, value);
  const Value* variable = scope->find(target.name);
  if (!variable) throw Failure(fmt::format("'{}' is undefined", target.name));
  auto* space = variable->is(Kind::object) ? dynamic_cast<Namespace*>(&variable->object()) : nullptr;
  if (!space) throw Failure("cannot assign attribute on non-namespace object");
  space->set(target.attribute, value);
}

}  // namespace mica::jinja
