#pragma once

// The operators between arrays and C++ numbers, written against MLX's names; used by the test on mica and by
// tests/oracle/operators_oracle.cpp on MLX itself.

#include <sstream>
#include <string>

/// One line for each dtype and operator: the result's dtype, or "throws".
inline std::string operator_dtypes() {
  using namespace mlx::core;
  std::ostringstream out;
  const auto tell = [&](const char* what, Dtype of, auto compute) {
    out << of << ": " << what << " ";
    try {
      out << compute().dtype() << "\n";
    } catch (const std::invalid_argument&) {
      out << "throws\n";
    }
  };
#define MICA_TELL(expression) tell(#expression, dtype, [&] { return expression; })
#define MICA_TELL_OPERATOR(op) \
  MICA_TELL(a op a);           \
  MICA_TELL(a op 2);           \
  MICA_TELL(2 op a);           \
  MICA_TELL(a op 2u);          \
  MICA_TELL(a op int64_t(2));  \
  MICA_TELL(a op 2.0);         \
  MICA_TELL(2.0f op a);        \
  MICA_TELL(a op true)
  for (const Dtype dtype : {float16, bfloat16, float32, float64, int8, int32, uint8, uint32, int64, bool_, complex64}) {
    const array a = astype(array({1, 2}, int32), dtype);
    MICA_TELL_OPERATOR(+);
    MICA_TELL_OPERATOR(-);
    MICA_TELL_OPERATOR(*);
    MICA_TELL_OPERATOR(/);
    MICA_TELL_OPERATOR(==);
    MICA_TELL_OPERATOR(<=);
    MICA_TELL(a + float16_t(1.0f));
    MICA_TELL(bfloat16_t(1.0f) * a);
    MICA_TELL(a - complex64_t(1.0f, 1.0f));
    MICA_TELL(a / array(2));
    MICA_TELL(a && a);
  }
#undef MICA_TELL_OPERATOR
#undef MICA_TELL
  return out.str();
}
