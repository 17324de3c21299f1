#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/jinja/ast.h"
#include "mica/text/jinja/interpreter.h"

namespace mica::jinja {

/// What rendering gives: the text, and where in it generation blocks stand.
struct Output {
  Text text;
  std::vector<Span> generated;
};

/// A parsed template. Rendering does not change it, so threads may share one.
class Template {
 public:
  /// Throws Error naming the template and line when `source` is not a template that Jinja2 would accept.
  Template(std::string_view source, std::string name);

  /// Renders with these variables. Throws Error naming the template and line for what Jinja2 raises (raise_exception
  /// included), for what the sandbox forbids, and at the settings.
  Output render(const Dict& variables, const Settings& settings = {}) const;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::shared_ptr<const Body> body_;
};

}  // namespace mica::jinja
