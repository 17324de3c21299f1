// The functions that every template sees.
#include <array>
#include <ctime>

#include <fmt/format.h>
#include <sys/time.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

/// As in Jinja2's sandbox.
constexpr uint64_t kMaxRange = 100'000;

Value raise_exception(Interpreter&, const Arguments& a) {
  const Parameters p(a, "raise_exception", {"message"}, 1);
  // An error is one line, and no message of a template makes it long.
  std::string message = to_text(p[0]).bytes().substr(0, 400);
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  throw Failure(message);
}

Value strftime_now(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "strftime_now", {"format"}, 1);
  timeval now{};
  ::gettimeofday(&now, nullptr);
  if (const auto& fixed = interpreter.settings().now) now = {*fixed, 0};
  std::tm local{};
  ::localtime_r(&now.tv_sec, &local);
  std::string format;
  const std::string& given = p.string(0).bytes();
  if (given.size() > 1000) throw Failure("strftime_now(): the format is too long");
  // What Python resolves itself: microseconds, and the zone that a naive time does not have.
  for (size_t i = 0; i < given.size(); ++i) {
    const char next = given[i] == '%' && i + 1 < given.size() ? given[i + 1] : '\0';
    if (next == 'f') format += fmt::format("{:06}", now.tv_usec);
    if (next != 'f' && next != 'z' && next != 'Z') format += given[i];
    if (next == '%') format += '%';
    if (next != '\0' && (next == 'f' || next == 'z' || next == 'Z' || next == '%')) ++i;
  }
  std::array<char, 8192> out{};
  const size_t size = std::strftime(out.data(), out.size(), format.c_str(), &local);
  return Value::string(std::string(out.data(), size));
}

Value make_range(Interpreter& interpreter, const Arguments& a) {
  const auto count = a.positional.size();
  if (count < 1 || count > 3 || !a.named.empty()) throw Failure("range() takes 1 to 3 arguments");
  const Parameters p(a, "range", {"start", "stop", "step"});
  const int64_t start = count == 1 ? 0 : p.integer(0, 0);
  const int64_t stop = count == 1 ? p.integer(0, 0) : p.integer(1, 0);
  const int64_t step = p.integer(2, 1);
  if (step == 0) throw Failure("range() arg 3 must not be zero");
  // Unsigned arithmetic wraps, so distances and items come out right without overflow.
  const auto low = static_cast<uint64_t>(step > 0 ? start : stop);
  const auto high = static_cast<uint64_t>(step > 0 ? stop : start);
  const auto stride = static_cast<uint64_t>(step);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const uint64_t length = empty ? 0 : (high - low - 1) / (step > 0 ? stride : 0 - stride) + 1;
  if (length > kMaxRange)
    throw Failure(fmt::format("Range too big. The sandbox blocks ranges larger than {}.", kMaxRange));
  std::vector<Value> items;
  items.reserve(length);
  for (uint64_t i = 0; i < length; ++i) {
    items.push_back(Value::integer(static_cast<int64_t>(static_cast<uint64_t>(start) + i * stride)));
  }
  interpreter.charge(items.size());
  std::string shown =
      step == 1 ? fmt::format("range({}, {})", start, stop) : fmt::format("range({}, {}, {})", start, stop, step);
  return Value::sequence({SequenceKind::range, std::move(items), std::move(shown), {}});
}

/// dict(mapping or pairs, key=value …).
Dict build_dict(Interpreter& interpreter, const Arguments& a, std::string_view name) {
  if (a.positional.size() > 1)
    throw Failure(fmt::format("{} expected at most 1 argument, got {}", name, a.positional.size()));
  Dict out;
  if (!a.positional.empty() && a.positional[0].is(Kind::dict)) {
    out = a.positional[0].dict();
  } else if (!a.positional.empty()) {
    for (const Value& pair : interpreter.items_of(a.positional[0])) {
      const std::vector<Value> parts = interpreter.items_of(pair);
      if (parts.size() != 2) throw Failure(fmt::format("{} needs pairs of key and value", name));
      out.set(parts[0], parts[1]);
    }
  }
  for (const auto& [key, value] : a.named) out.set(key, value);
  return out;
}

Value make_dict(Interpreter& interpreter, const Arguments& a) {
  return Value::dict(build_dict(interpreter, a, "dict"));
}

Value make_namespace(Interpreter& interpreter, const Arguments& a) {
  const auto space = std::make_shared<Namespace>();
  interpreter.remember(space);
  const Dict attributes = build_dict(interpreter, a, "namespace");
  for (const auto& [name, value] : attributes.entries()) {
    if (!name.is(Kind::string)) throw Failure("names in a namespace must be strings");
    space->set(name.bytes(), value);
  }
  return Value::object(space);
}

class Joiner : public Object {
 public:
  explicit Joiner(Text separator) : separator_(std::move(separator)) {}
  std::string type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  Value call(Interpreter&, const Arguments& a) override {
    const Parameters p(a, "joiner", {});
    return Value::string(std::exchange(used_, true) ? separator_ : Text());
  }

 private:
  Text separator_;
  bool used_ = false;
};

Value make_joiner(Interpreter&, const Arguments& a) {
  const Parameters p(a, "joiner", {"sep"});
  return Value::object(std::make_shared<Joiner>(p.text(0, ", ")));
}

class Cycler : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string type_name() const override { return "Cycler"; }
  Value attribute(std::string_view name) override {
    const auto self = shared_from_this();
    if (name == "current") return items_[at_];
    if (name == "next") {
      return make_function("next", [self](Interpreter&, const Arguments&) {
        Value item = self->items_[self->at_];
        self->at_ = (self->at_ + 1) % self->items_.size();
        return item;
      });
    }
    if (name != "reset") return Object::attribute(name);
    return make_function("reset", [self](Interpreter&, const Arguments&) {
      self->at_ = 0;
      return Value::none();
    });
  }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

Value make_cycler(Interpreter&, const Arguments& a) {
  if (a.positional.empty()) throw Failure("at least one item has to be provided");
  return Value::object(std::make_shared<Cycler>(a.positional));
}

}  // namespace

Value Namespace::attribute(std::string_view name) {
  const Value* value = values_.find(name);
  return value ? *value : Object::attribute(name);
}

void Namespace::set(std::string_view name, Value value) {
  if (name.starts_with('_')) throw Failure(fmt::format("a namespace cannot have the attribute '{}'", name));
  values_.set(name, std::move(value));
}

Dict make_globals() {
  Dict out;
  const auto add = [&](const char* name, Value (*function)(Interpreter&, const Arguments&)) {
    out.set(name, make_function(name, function));
  };
  add("raise_exception", raise_exception);
  add("strftime_now", strftime_now);
  add("range", make_range);
  add("dict", make_dict);
  add("namespace", make_namespace);
  add("joiner", make_joiner);
  add("cycler", make_cycler);
  return out;
}

}  // namespace mica::jinja
