// Every op against what MLX computes: the cases of tests/fixtures/ops.json, made by tests/oracle/ops_oracle.py.

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

using Inputs = std::vector<array>;
using Run = std::function<array(const Inputs&, const Json&)>;

Dtype dtype_named(const std::string& name) {
  for (const Dtype& dtype : {bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64, float16, float32, float64,
                             bfloat16, complex64}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  throw std::runtime_error("no dtype " + name);
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& item : list) {
    if (item.is_number()) {
      out.push_back(item.get<double>());
    } else {
      const auto text = item.get<std::string>();
      const double infinity = std::numeric_limits<double>::infinity();
      out.push_back(text == "nan" ? std::nan("") : text == "inf" ? infinity : -infinity);
    }
  }
  return out;
}

array decode(const Json& part) {
  const std::vector<double> values = numbers(part["data"]);
  const auto lengths = part["shape"].get<std::vector<int64_t>>();
  return array(values.begin(), Shape(lengths.begin(), lengths.end()), dtype_named(part["dtype"].get<std::string>()));
}

std::vector<int> ints(const Json& args, const char* key) {
  return args.at(key).get<std::vector<int>>();
}
Shape shape_of(const Json& args, const char* key) {
  const auto list = args.at(key).get<std::vector<int64_t>>();
  return Shape(list.begin(), list.end());
}

template <typename F>
Run unary(F f) {
  return [f](const Inputs& x, const Json&) { return f(x[0], StreamOrDevice{}); };
}
template <typename F>
Run binary(F f) {
  return [f](const Inputs& x, const Json&) { return f(x[0], x[1], StreamOrDevice{}); };
}
using Reduction = array (*)(const array&, const std::vector<int>&, bool, StreamOrDevice);
Run reduction(Reduction f) {
  return [f](const Inputs& x, const Json& args) {
    return f(x[0], ints(args, "axes"), args.at("keepdims").get<bool>(), {});
  };
}
using Deviation = array (*)(const array&, const std::vector<int>&, bool, int, StreamOrDevice);
Run deviation(Deviation f) {
  return [f](const Inputs& x, const Json& args) {
    return f(x[0], ints(args, "axes"), args.at("keepdims").get<bool>(), 0, {});
  };
}
using AlongAxis = array (*)(const array&, int, StreamOrDevice);
Run along_axis(AlongAxis f) {
  return [f](const Inputs& x, const Json& args) { return f(x[0], args.at("axis").get<int>(), {}); };
}
using ScanFunction = array (*)(const array&, int, bool, bool, StreamOrDevice);
Run scan(ScanFunction f) {
  return [f](const Inputs& x, const Json& args) {
    return f(x[0], args.at("axis").get<int>(), args.at("reverse").get<bool>(), args.at("inclusive").get<bool>(), {});
  };
}

#define UNARY(name) {#name, unary([](const array& a, StreamOrDevice s) { return name(a, s); })}
#define BINARY(name) {#name, binary([](const array& a, const array& b, StreamOrDevice s) { return name(a, b, s); })}

const std::map<std::string, Run>& runs() {
  static const std::map<std::string, Run> table = {
      UNARY(abs),
      UNARY(negative),
      UNARY(sign),
      UNARY(square),
      UNARY(exp),
      UNARY(expm1),
      UNARY(sin),
      UNARY(cos),
      UNARY(tan),
      UNARY(arctan),
      UNARY(sinh),
      UNARY(cosh),
      UNARY(tanh),
      UNARY(arcsinh),
      UNARY(sigmoid),
      UNARY(erf),
      UNARY(floor),
      UNARY(ceil),
      UNARY(round),
      UNARY(isnan),
      UNARY(isinf),
      UNARY(isfinite),
      UNARY(sqrt),
      UNARY(rsqrt),
      UNARY(log),
      UNARY(log2),
      UNARY(log10),
      UNARY(log1p),
      UNARY(arccosh),
      UNARY(arcsin),
      UNARY(arccos),
      UNARY(arctanh),
      UNARY(erfinv),
      UNARY(bitwise_invert),
      UNARY(logical_not),
      BINARY(add),
      BINARY(subtract),
      BINARY(multiply),
      BINARY(divide),
      BINARY(maximum),
      BINARY(minimum),
      BINARY(logaddexp),
      BINARY(arctan2),
      BINARY(equal),
      BINARY(not_equal),
      BINARY(greater),
      BINARY(greater_equal),
      BINARY(less),
      BINARY(less_equal),
      BINARY(remainder),
      BINARY(power),
      BINARY(bitwise_and),
      BINARY(bitwise_or),
      BINARY(bitwise_xor),
      BINARY(left_shift),
      BINARY(right_shift),
      BINARY(logical_and),
      BINARY(logical_or),
      BINARY(matmul),
      BINARY(inner),
      BINARY(outer),
      {"nan_to_num", [](const Inputs& x, const Json&) { return nan_to_num(x[0]); }},
      {"isclose", [](const Inputs& x, const Json&) { return isclose(x[0], x[1]); }},
      {"where", [](const Inputs& x, const Json&) { return where(x[0], x[1], x[2]); }},
      {"clip", [](const Inputs& x, const Json&) { return clip(x[0], x[1], x[2]); }},
      {"sum", reduction(&sum)},
      {"prod", reduction(&prod)},
      {"max", reduction(&max)},
      {"min", reduction(&min)},
      {"mean", reduction(&mean)},
      {"logsumexp", reduction(&logsumexp)},
      {"all", reduction(&all)},
      {"any", reduction(&any)},
      {"var", deviation(&var)},
      {"std", deviation(&mica::std)},
      {"argmax", [](const Inputs& x, const Json& a) { return argmax(x[0], a.at("axis").get<int>()); }},
      {"argmin", [](const Inputs& x, const Json& a) { return argmin(x[0], a.at("axis").get<int>()); }},
      {"softmax", [](const Inputs& x, const Json& a) { return softmax(x[0], a.at("axis").get<int>()); }},
      {"reshape", [](const Inputs& x, const Json& a) { return reshape(x[0], shape_of(a, "shape")); }},
      {"transpose", [](const Inputs& x, const Json& a) { return transpose(x[0], ints(a, "axes")); }},
      {"flatten", [](const Inputs& x, const Json& a) { return flatten(x[0], a.at("start"), a.at("end")); }},
      {"expand_dims", [](const Inputs& x, const Json& a) { return expand_dims(x[0], ints(a, "axes")); }},
      {"squeeze", [](const Inputs& x, const Json& a) { return squeeze(x[0], ints(a, "axes")); }},
      {"flip_via_slice",
       [](const Inputs& x, const Json& a) {
         return slice(x[0], shape_of(a, "start"), shape_of(a, "stop"), shape_of(a, "strides"));
       }},
      {"concatenate", [](const Inputs& x, const Json& a) { return concatenate(x, a.at("axis").get<int>()); }},
      {"stack", [](const Inputs& x, const Json& a) { return stack(x, a.at("axis").get<int>()); }},
      {"repeat", [](const Inputs& x,
                    const Json& a) { return repeat(x[0], a.at("repeats").get<int>(), a.at("axis").get<int>()); }},
      {"tile", [](const Inputs& x, const Json& a) { return tile(x[0], ints(a, "reps")); }},
      {"roll",
       [](const Inputs& x, const Json& a) { return roll(x[0], a.at("shift").get<int>(), a.at("axis").get<int>()); }},
      {"pad", [](const Inputs& x,
                 const Json& a) { return pad(x[0], {0, 1}, shape_of(a, "low"), shape_of(a, "high"), array(7.0f)); }},
      {"tril", [](const Inputs& x, const Json& a) { return tril(x[0], a.at("k").get<int>()); }},
      {"triu", [](const Inputs& x, const Json& a) { return triu(x[0], a.at("k").get<int>()); }},
      {"diagonal",
       [](const Inputs& x, const Json& a) {
         return diagonal(x[0], a.at("offset").get<int>(), a.at("axis1").get<int>(), a.at("axis2").get<int>());
       }},
      {"take", [](const Inputs& x, const Json& a) { return take(x[0], x[1], a.at("axis").get<int>()); }},
      {"take_along_axis",
       [](const Inputs& x, const Json& a) { return take_along_axis(x[0], x[1], a.at("axis").get<int>()); }},
      {"put_along_axis",
       [](const Inputs& x, const Json& a) { return put_along_axis(x[0], x[1], x[2], a.at("axis").get<int>()); }},
      {"sort", along_axis(&sort)},
      {"argsort", along_axis(&argsort)},
      {"cumsum", scan(&cumsum)},
      {"cumprod", scan(&cumprod)},
      {"cummax", scan(&cummax)},
      {"cummin", scan(&cummin)},
      {"matmul_transposed", [](const Inputs& x, const Json&) { return matmul(x[0], transpose(x[1])); }},
      {"addmm",
       [](const Inputs& x, const Json& a) {
         return addmm(x[0], x[1], x[2], a.at("alpha").get<float>(), a.at("beta").get<float>());
       }},
      {"rms_norm", [](const Inputs& x, const Json& a) { return fast::rms_norm(x[0], x[1], a.at("eps").get<float>()); }},
      {"layer_norm",
       [](const Inputs& x, const Json& a) { return fast::layer_norm(x[0], x[1], x[2], a.at("eps").get<float>()); }},
      {"rope",
       [](const Inputs& x, const Json& a) {
         return fast::rope(x[0], a.at("dims").get<int>(), a.at("traditional").get<bool>(), 10000.0f,
                           a.at("scale").get<float>(), a.at("offset").get<int>());
       }},
      {"attention",
       [](const Inputs& x, const Json& a) {
         return fast::scaled_dot_product_attention(x[0], x[1], x[2], a.at("scale").get<float>(),
                                                   a.at("causal").get<bool>() ? "causal" : "");
       }},
  };
  return table;
}

/// How far results may lie apart: MLX and mica round in different places. Of float32 a few units in the last place of
/// the largest intermediate (sums and powers amplify), of halves one unit of theirs.
double tolerance(Dtype dtype, double value) {
  const double relative = dtype == bfloat16 ? 0x1p-7 : dtype == float16 ? 0x1p-10 : 3e-5;
  return issubdtype(dtype, inexact) ? relative * std::max(std::abs(value), 0.1) : 0.0;
}

TEST(MlxParity, EveryCase) {
  const Json cases = load_json(MICA_TEST_FIXTURES "/ops.json");
  ASSERT_GT(cases.size(), 400u);
  int number = 0;
  for (const Json& one : cases) {
    const auto op = one["op"].get<std::string>();
    SCOPED_TRACE(fmt::format("case {}: {} {}", number++, op, one["args"].dump()));
    ASSERT_TRUE(runs().contains(op));
    Inputs inputs;
    for (const Json& input : one["inputs"]) inputs.push_back(decode(input));
    array result = runs().at(op)(inputs, one["args"]);
    const array expected = decode(one["output"]);
    ASSERT_EQ(to_string(result.shape()), to_string(expected.shape()));
    EXPECT_EQ(dtype_name(result.dtype()), dtype_name(expected.dtype()));
    array wide = contiguous(astype(result, float64));
    wide.eval();
    const std::vector<double> wanted = numbers(one["output"]["data"]);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double got = wide.data<double>()[i];
      if (std::isnan(wanted[i]) || std::isinf(wanted[i])) {
        EXPECT_TRUE(std::isnan(wanted[i]) ? std::isnan(got) : got == wanted[i]) << "element " << i << ": " << got;
      } else {
        EXPECT_NEAR(got, wanted[i], tolerance(result.dtype(), wanted[i])) << "element " << i;
      }
    }
  }
}

}  // namespace
}  // namespace mica
