#include "mica/text/jinja/loop.h"

#include <algorithm>

#include "mica/text/jinja/builtins.h"

namespace mica::jinja {

Value Loop::call(Interpreter& interpreter, const Arguments& arguments) {
  if (!stmt_.recursive) throw Failure("the loop must have the 'recursive' marker to be called recursively");
  const Parameters parameters(arguments, "loop", {"iterable"}, 1);
  return Value::string(interpreter.run_loop(stmt_, scope_, parameters[0], depth_ + 1));
}

Value Loop::cycle(const Arguments& arguments) const {
  const auto& values = arguments.positional;
  if (values.empty()) throw Failure("no items for cycling given");
  return values[index_ % values.size()];
}

Value Loop::changed(const Arguments& arguments) {
  const auto& values = arguments.positional;
  if (has_last_values_ && std::ranges::equal(last_values_, values, equal)) return Value::boolean(false);
  last_values_ = values;
  has_last_values_ = true;
  return Value::boolean(true);
}

Value Loop::attribute(std::string_view name) {
  const auto number = [](size_t value) { return Value::integer(static_cast<int64_t>(value)); };
  const size_t count = items_.size();
  if (name == "index") return number(index_ + 1);
  if (name == "index0") return number(index_);
  if (name == "revindex") return number(count - index_);
  if (name == "revindex0") return number(count - index_ - 1);
  if (name == "length") return number(count);
  if (name == "first") return Value::boolean(index_ == 0);
  if (name == "last") return Value::boolean(index_ + 1 == count);
  if (name == "depth") return Value::integer(depth_ + 1);
  if (name == "depth0") return Value::integer(depth_);
  if (name == "previtem") return index_ > 0 ? items_[index_ - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem") return index_ + 1 < count ? items_[index_ + 1] : Value::undefined("there is no next item");
  // These hold the loop only while it runs: the loop does not hold them.
  if (name == "cycle") {
    return make_function("cycle",
                         [self = shared_from_this()](Interpreter&, const Arguments& a) { return self->cycle(a); });
  }
  if (name == "changed") {
    return make_function("changed",
                         [self = shared_from_this()](Interpreter&, const Arguments& a) { return self->changed(a); });
  }
  return Object::attribute(name);
}

}  // namespace mica::jinja
