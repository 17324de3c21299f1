#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mica/text/jinja/value.h"

namespace mica::jinja {

enum class ExprKind {
  constant,     ///< value
  name,         ///< name
  list,         ///< children
  tuple,        ///< children
  dict,         ///< children: key, value, key, value …
  attribute,    ///< children[0].name
  item,         ///< children[0][children[1]]
  slice,        ///< children: start, stop, step; null when left out
  call,         ///< children[0](arguments)
  filter,       ///< children[0] | name(arguments); children[0] is null in a filter block
  test,         ///< children[0] is name(arguments)
  negative,     ///< -children[0]
  positive,     ///< +children[0]
  logical_not,  ///< not children[0]
  logical_and,
  logical_or,
  binary,       ///< children[0] name children[1], of + - * / // % **
  concat,       ///< children[0] ~ children[1] ~ …
  comparison,   ///< children[0] names[0] children[1] names[1] children[2] …
  conditional,  ///< children: value, condition, otherwise (null when left out)
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

/// Arguments of a call, filter or test as written.
struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star;         ///< *values
  ExprPtr double_star;  ///< **values
};

/// An expression of a template.
struct Expr {
  ExprKind kind = ExprKind::constant;
  int line = 1;
  int depth = 1;  ///< levels of the tree below and with this node
  std::string name;
  Value value;
  std::vector<ExprPtr> children;
  std::vector<std::string> names;
  CallArguments arguments;
};

enum class StmtKind {
  text,          ///< text
  output,        ///< exprs, printed
  if_,           ///< exprs[i] → bodies[i]; one more body is the else
  for_,          ///< target in exprs[0] if exprs[1] (or null): bodies[0], else bodies[1]
  set,           ///< target = exprs[0]
  set_block,     ///< target = bodies[0] | exprs[0] (or null)
  macro,         ///< name(parameters = exprs[i] or null): bodies[0]
  call_block,    ///< call(parameters) exprs[0]: bodies[0]; the parameters' defaults follow in exprs
  filter_block,  ///< exprs[0] applied to bodies[0]
  with,          ///< targets[i] = exprs[i]: bodies[0]
  generation,    ///< bodies[0], what the assistant says
  break_,
  continue_,
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name;
  std::string attribute;      ///< of the namespace `name`; empty for a name
  std::vector<Target> parts;  ///< of a tuple
  bool is_tuple = false;
};

struct Stmt;
using Body = std::vector<Stmt>;

/// Names that a macro's body reads beyond its parameters, which change how it may be called.
struct MacroUses {
  bool caller = false;
  bool kwargs = false;
  bool varargs = false;
};

/// A statement of a template.
struct Stmt {
  StmtKind kind = StmtKind::text;
  int line = 1;
  std::string text;
  std::string name;
  std::vector<Target> targets;
  std::vector<ExprPtr> exprs;
  std::vector<Body> bodies;
  std::vector<std::string> parameters;
  MacroUses uses;
  bool recursive = false;
};

}  // namespace mica::jinja
