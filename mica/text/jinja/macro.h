#pragma once

#include <string>

#include "mica/text/jinja/interpreter.h"

namespace mica::jinja {

/// A macro, or the body of a call block as its `caller`.
class Macro : public Object {
 public:
  /// The defaults of the parameters start at stmt.exprs[first_default].
  Macro(const Stmt& stmt, std::string name, size_t first_default, ScopePtr scope)
      : stmt_(stmt), name_(std::move(name)), first_default_(first_default), scope_(std::move(scope)) {}

  std::string type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;
  Value attribute(std::string_view name) override;

 private:
  void bind_named(const Arguments& arguments, Scope& scope) const;

  const Stmt& stmt_;
  std::string name_;
  size_t first_default_;
  ScopePtr scope_;
};

}  // namespace mica::jinja
