#include "mica/array/dtype.h"

#include <array>
#include <ostream>

namespace mica {
namespace {

using Val = Dtype::Val;
using Kind = Dtype::Kind;
using Category = Dtype::Category;

struct Facts {
  std::string_view name;
  Kind kind;
  Category category;
};

// In the order of Dtype::Val.
constexpr std::array<Facts, 14> kFacts = {{
    {"bool", Kind::b, Category::generic},
    {"uint8", Kind::u, Category::unsignedinteger},
    {"uint16", Kind::u, Category::unsignedinteger},
    {"uint32", Kind::u, Category::unsignedinteger},
    {"uint64", Kind::u, Category::unsignedinteger},
    {"int8", Kind::i, Category::signedinteger},
    {"int16", Kind::i, Category::signedinteger},
    {"int32", Kind::i, Category::signedinteger},
    {"int64", Kind::i, Category::signedinteger},
    {"float16", Kind::f, Category::floating},
    {"float32", Kind::f, Category::floating},
    {"float64", Kind::f, Category::floating},
    {"bfloat16", Kind::V, Category::floating},
    {"complex64", Kind::c, Category::complexfloating},
}};

const Facts& facts(const Dtype& t) {
  return kFacts[static_cast<size_t>(t.val())];
}

Dtype signed_of_size(int bytes) {
  switch (bytes) {
    case 1:
      return int8;
    case 2:
      return int16;
    case 4:
      return int32;
    default:
      return int64;
  }
}

Dtype promote_integers(const Dtype& a, const Dtype& b) {
  if (kindof(a) == kindof(b)) return a.size() >= b.size() ? a : b;
  const Dtype& u = kindof(a) == Kind::u ? a : b;
  const Dtype& i = kindof(a) == Kind::u ? b : a;
  if (i.size() > u.size()) return i;
  // No integer holds both uint64 and negative numbers.
  return u.size() == 8 ? float32 : signed_of_size(2 * u.size());
}

Dtype promote_floats(const Dtype& a, const Dtype& b) {
  if (is_half(a) && is_half(b) && a != b) return float32;
  return a.size() >= b.size() ? a : b;
}

}  // namespace

Dtype::Kind kindof(const Dtype& t) {
  return facts(t).kind;
}

std::string_view dtype_name(const Dtype& t) {
  return facts(t).name;
}

Dtype promote_types(const Dtype& t1, const Dtype& t2) {
  if (t1 == t2) return t1;
  if (t1 == complex64 || t2 == complex64) return complex64;
  const bool float1 = issubdtype(t1, floating);
  const bool float2 = issubdtype(t2, floating);
  if (float1 && float2) return promote_floats(t1, t2);
  if (float1 || float2) return float1 ? t1 : t2;
  if (t1 == bool_ || t2 == bool_) return t1 == bool_ ? t2 : t1;
  return promote_integers(t1, t2);
}

bool issubdtype(const Category& a, const Category& b) {
  if (a == b || b == Category::generic) return true;
  switch (b) {
    case Category::inexact:
      return a == Category::floating || a == Category::complexfloating;
    case Category::integer:
      return a == Category::signedinteger || a == Category::unsignedinteger;
    case Category::number:
      return a != Category::generic;
    default:
      return false;
  }
}

bool issubdtype(const Dtype& a, const Dtype& b) {
  return a == b;
}

bool issubdtype(const Category&, const Dtype&) {
  return false;
}

bool issubdtype(const Dtype& a, const Category& b) {
  return a == bool_ ? b == Category::generic : issubdtype(facts(a).category, b);
}

std::ostream& operator<<(std::ostream& os, const Dtype& d) {
  return os << dtype_name(d);
}

std::ostream& operator<<(std::ostream& os, const Kind& k) {
  return os << "buifcV"[static_cast<int>(k)];
}

template <>
TypeToDtype<bool>::operator Dtype() {
  return bool_;
}
template <>
TypeToDtype<uint8_t>::operator Dtype() {
  return uint8;
}
template <>
TypeToDtype<uint16_t>::operator Dtype() {
  return uint16;
}
template <>
TypeToDtype<uint32_t>::operator Dtype() {
  return uint32;
}
template <>
TypeToDtype<uint64_t>::operator Dtype() {
  return uint64;
}
template <>
TypeToDtype<int8_t>::operator Dtype() {
  return int8;
}
template <>
TypeToDtype<int16_t>::operator Dtype() {
  return int16;
}
template <>
TypeToDtype<int32_t>::operator Dtype() {
  return int32;
}
template <>
TypeToDtype<int64_t>::operator Dtype() {
  return int64;
}
template <>
TypeToDtype<float16_t>::operator Dtype() {
  return float16;
}
template <>
TypeToDtype<float>::operator Dtype() {
  return float32;
}
template <>
TypeToDtype<double>::operator Dtype() {
  return float32;
}
template <>
TypeToDtype<bfloat16_t>::operator Dtype() {
  return bfloat16;
}
template <>
TypeToDtype<complex64_t>::operator Dtype() {
  return complex64;
}

}  // namespace mica
