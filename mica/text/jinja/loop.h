#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mica/text/jinja/interpreter.h"

namespace mica::jinja {

/// The variable `loop` of a for loop. Calling it in a recursive loop runs the loop on other items.
class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  Loop(const Stmt& stmt, ScopePtr scope, std::vector<Value> items, int depth)
      : stmt_(stmt), scope_(std::move(scope)), items_(std::move(items)), depth_(depth) {}

  std::string type_name() const override { return "LoopContext"; }
  bool is_callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;
  Value attribute(std::string_view name) override;
  size_t length() const override { return items_.size(); }

  size_t size() const { return items_.size(); }
  bool at_end() const { return index_ == items_.size(); }
  const Value& current() const { return items_[index_]; }
  void advance() { ++index_; }

 private:
  Value cycle(const Arguments& arguments) const;
  Value changed(const Arguments& arguments);

  const Stmt& stmt_;
  ScopePtr scope_;
  std::vector<Value> items_;
  int depth_;
  size_t index_ = 0;
  bool has_last_values_ = false;
  std::vector<Value> last_values_;
};

}  // namespace mica::jinja
