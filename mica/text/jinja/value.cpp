#include "mica/text/jinja/value.h"

#include <algorithm>

#include <fmt/format.h>

namespace mica::jinja {
namespace {

constexpr uint64_t kMaxWeight = 8'000'000;
constexpr int kMaxDepth = 200;
constexpr size_t kIndexedSize = 16;
constexpr size_t kNotFound = static_cast<size_t>(-1);

void check_weight(uint64_t weight, int depth) {
  if (weight > kMaxWeight) throw Failure("a list or dict with more than 8000000 values inside");
  if (depth > kMaxDepth) throw Failure("a list or dict nested deeper than 200 levels");
}

void require_hashable(const Value& key) {
  const bool list = key.is(Kind::sequence) && key.sequence().kind != SequenceKind::tuple;
  if (list || key.is(Kind::dict)) throw Failure(fmt::format("unhashable type: '{}'", type_name(key)));
}

bool equal_sequences(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind && std::ranges::equal(a.items, b.items, equal);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  return a.size() == b.size() && std::ranges::all_of(a.entries(), [&](const Dict::Entry& entry) {
           const Value* other = b.find(entry.first);
           return other && equal(entry.second, *other);
         });
}

template <typename T>
int order(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

}  // namespace

Value Value::undefined(std::string message) {
  Value out;
  out.data_ = std::make_shared<std::string>(std::move(message));
  return out;
}

Value Value::none() {
  Value out;
  out.kind_ = Kind::none;
  return out;
}

Value Value::boolean(bool value) {
  Value out;
  out.kind_ = Kind::boolean;
  out.integer_ = value ? 1 : 0;
  return out;
}

Value Value::integer(int64_t value) {
  Value out;
  out.kind_ = Kind::integer;
  out.integer_ = value;
  return out;
}

Value Value::real(double value) {
  Value out;
  out.kind_ = Kind::real;
  out.real_ = value;
  return out;
}

Value Value::string(Text value) {
  Value out;
  out.kind_ = Kind::string;
  out.data_ = std::make_shared<Text>(std::move(value));
  return out;
}

Value Value::sequence(Sequence value) {
  for (const Value& item : value.items) {
    value.weight += item.weight();
    value.depth = std::max(value.depth, 1 + item.depth());
  }
  check_weight(value.weight, value.depth);
  Value out;
  out.kind_ = Kind::sequence;
  out.data_ = std::make_shared<Sequence>(std::move(value));
  return out;
}

Value Value::list(std::vector<Value> items) {
  return sequence({SequenceKind::list, std::move(items), {}, {}});
}
Value Value::tuple(std::vector<Value> items) {
  return sequence({SequenceKind::tuple, std::move(items), {}, {}});
}

Value Value::dict(Dict value) {
  value.weight_ = 1;
  value.depth_ = 1;
  for (const auto& [key, item] : value.entries_) {
    value.weight_ += key.weight() + item.weight();
    value.depth_ = std::max({value.depth_, 1 + item.depth(), 1 + key.depth()});
  }
  check_weight(value.weight_, value.depth_);
  Value out;
  out.kind_ = Kind::dict;
  out.data_ = std::make_shared<Dict>(std::move(value));
  return out;
}

Value Value::object(std::shared_ptr<Object> value) {
  Value out;
  out.kind_ = Kind::object;
  out.data_ = std::move(value);
  return out;
}

const std::string& Value::message() const {
  static const std::string kNothing = "the value is undefined";
  return data_ ? *static_cast<const std::string*>(data_.get()) : kNothing;
}

uint64_t Value::weight() const {
  if (kind_ == Kind::string) return 1 + text().size() / 8;
  if (kind_ == Kind::sequence) return sequence().weight;
  if (kind_ == Kind::dict) return dict().weight_;
  return 1;
}

int Value::depth() const {
  if (kind_ == Kind::sequence) return sequence().depth;
  if (kind_ == Kind::dict) return dict().depth_;
  return 0;
}

size_t Dict::position(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(std::string(key));
    return found == index_.end() ? kNotFound : found->second;
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].first.is(Kind::string) && entries_[i].first.bytes() == key) return i;
  }
  return kNotFound;
}

size_t Dict::position(const Value& key) const {
  if (key.is(Kind::string)) return position(std::string_view(key.bytes()));
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) { return equal(entry.first, key); });
  return found == entries_.end() ? kNotFound : static_cast<size_t>(found - entries_.begin());
}

const Value* Dict::find(const Value& key) const {
  const size_t at = position(key);
  return at == kNotFound ? nullptr : &entries_[at].second;
}

const Value* Dict::find(std::string_view key) const {
  const size_t at = position(key);
  return at == kNotFound ? nullptr : &entries_[at].second;
}

void Dict::set(Value key, Value value) {
  require_hashable(key);
  if (const size_t at = position(key); at != kNotFound) {
    entries_[at].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() < kIndexedSize) return;
  const size_t first = index_.empty() ? 0 : entries_.size() - 1;
  for (size_t i = first; i < entries_.size(); ++i) {
    if (entries_[i].first.is(Kind::string)) index_.emplace(entries_[i].first.bytes(), i);
  }
}

void Dict::remove(std::string_view key) {
  const size_t at = position(key);
  if (at == kNotFound) return;
  Dict rest;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (i != at) rest.set(std::move(entries_[i].first), std::move(entries_[i].second));
  }
  *this = std::move(rest);
}

Value Object::call(Interpreter&, const Arguments&) {
  throw Failure(fmt::format("'{}' object is not callable", type_name()));
}

Value Object::attribute(std::string_view name) {
  return Value::undefined(fmt::format("'{}' object has no attribute '{}'", type_name(), name));
}

size_t Object::length() const {
  throw Failure(fmt::format("object of type '{}' has no len()", type_name()));
}

Value make_generator(std::vector<Value> items) {
  return Value::object(std::make_shared<Generator>(std::move(items)));
}

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return "str";
    case Kind::dict:
      return "dict";
    case Kind::object:
      return value.object().type_name();
    case Kind::sequence:
      break;
  }
  switch (value.sequence().kind) {
    case SequenceKind::list:
      return "list";
    case SequenceKind::tuple:
      return "tuple";
    case SequenceKind::range:
      return "range";
    case SequenceKind::view:
      return value.sequence().shown_as;
  }
  return "object";
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::sequence:
      return !value.sequence().items.empty();
    case Kind::dict:
      return value.dict().size() != 0;
    case Kind::object:
      return true;
  }
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
  if (a.is_number() && b.is_number()) return a.as_real() == b.as_real();
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::string:
      return a.bytes() == b.bytes();
    case Kind::sequence:
      return a.identity() == b.identity() || equal_sequences(a.sequence(), b.sequence());
    case Kind::dict:
      return a.identity() == b.identity() || equal_dicts(a.dict(), b.dict());
    case Kind::object:
      return a.identity() == b.identity();
    default:
      return true;
  }
}

int compare(const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (a.is_integral() && b.is_integral()) return order(a.as_integer(), b.as_integer());
  if (a.is_number() && b.is_number()) return order(a.as_real(), b.as_real());
  // Code point order and byte order agree in UTF-8.
  if (a.is(Kind::string) && b.is(Kind::string)) return order(a.bytes(), b.bytes());
  if (a.is(Kind::sequence) && b.is(Kind::sequence) && a.sequence().kind == b.sequence().kind &&
      a.sequence().kind <= SequenceKind::tuple) {
    const auto& x = a.sequence().items;
    const auto& y = b.sequence().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equal(x[i], y[i])) return compare(x[i], y[i]);
    }
    return order(x.size(), y.size());
  }
  throw Failure(fmt::format("'<' not supported between instances of '{}' and '{}'", type_name(a), type_name(b)));
}

void require_defined(const Value& value) {
  if (value.is(Kind::undefined)) throw Failure(value.message());
}

}  // namespace mica::jinja
